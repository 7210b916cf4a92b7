"""The WSGI root: the index answers its own paths, Django everything else."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_django = get_wsgi_application()

from pkgindex.mounting import mount_index  # noqa: E402  needs the apps to be loaded

application = mount_index(_django)
