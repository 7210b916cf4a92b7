"""The Simple API as a WSGI application of its own. It knows neither Django nor a database:
it answers from a snapshot (`pkgindex/snapshot` writes it) and from a storage, in front of Django
(`pkgindex/mounting.py`), in a process of its own, or on another machine (`standalone.py`).
"""

from pkgindex.index.app import ROUTES, Index

__all__ = ["ROUTES", "Index"]
