"""The root of the house: settings, URLs, WSGI, system checks."""

import sys

try:  # Python's own SQLite may have the WAL-reset bug (fixed in 3.51.3); the wheel's has not.
    import pysqlite3
except ImportError:  # not Linux, or a Python that is new enough
    pass
else:
    sys.modules["sqlite3"] = pysqlite3
    sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2
