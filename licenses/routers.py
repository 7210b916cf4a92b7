"""Which rows lie in which database."""

from typing import Any

from django.db import connections
from django.db.models import Model

VOLATILE = "volatile"
_MODELS = frozenset({"lease", "leasepool", "leasehour"})


class VolatileRouter:
    """Leases lie in the alias `volatile`: a second SQLite file, or the same PostgreSQL."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return VOLATILE if _is_volatile(model._meta.app_label, model._meta.model_name) else None

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        return self.db_for_read(model)

    def allow_migrate(
        self, db: str, app_label: str, model_name: str | None = None, **hints: Any
    ) -> bool:
        """Each SQLite file gets its own tables; on PostgreSQL both aliases are one database."""
        if connections[db].vendor != "sqlite":
            return True
        return (db == VOLATILE) == _is_volatile(app_label, model_name)


def _is_volatile(app_label: str, model_name: str | None) -> bool:
    return app_label == "licenses" and model_name in _MODELS
