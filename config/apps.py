"""The root as a Django app, and the owner's admin as the site that is served."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401, PLC0415  registers the system checks


class OwnerAdminConfig(AdminConfig):
    default_site = "portal.owner_site.OwnerSite"
