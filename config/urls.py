"""Every page and door of the Django part; the index answers before it (config/wsgi.py)."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("v1/", include("licenses.urls")),  # first, as it is asked most: they are tried in order
    path("", include("portal.urls")),
    path("stripe/", include("billing.urls")),
    path("", include("pkgindex.urls")),
    path("anymail/", include("support.urls")),
    path("account/", include("portal.sign_in_urls")),
    path(f"{settings.ADMIN_PATH}/", admin.site.urls),
]
