from django.apps import AppConfig


class PkgindexConfig(AppConfig):
    name = "pkgindex"

    def ready(self) -> None:
        """Whatever changes a right or the catalog is in the snapshot when its commit returns."""
        from licenses.generation import on_change  # noqa: PLC0415  needs the apps to be loaded
        from pkgindex.snapshot import export_snapshot  # noqa: PLC0415

        on_change(export_snapshot)
