"""The Simple API as a WSGI application of its own, in front of Django.

It answers the paths of ROUTES itself; everything else is Django's. Only `source` reads the
database, so that another source (a snapshot) can take its place.
"""

from pkgindex.index.app import ROUTES, mount_index

__all__ = ["ROUTES", "mount_index"]
