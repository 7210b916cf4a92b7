from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pkgindex.index.snapshot import Snapshot, Unavailable
from pkgindex.snapshot import Busy, Emptied, export_snapshot, snapshot_path
from pkgindex.static_export import Unwritable, export_index


class Command(BaseCommand):
    help = "Write the index as plain files for nginx; see docs/static-export.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", help="empty, or an earlier export")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(options["folder"])
        try:
            export_snapshot()
            with closing(Snapshot(snapshot_path())) as snapshot:
                changes = export_index(snapshot, folder)
        except (Busy, Emptied, Unavailable, Unwritable, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{folder} is up to date; {changes} files were written or removed.")
