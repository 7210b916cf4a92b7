from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pkgindex.models import Project
from pkgindex.usage import newest_fetched


class Command(BaseCommand):
    help = "Which customers fetched only releases older than a version, e.g. before you drop them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project")
        parser.add_argument("--before", required=True, help="the version that they do not have yet")
        parser.add_argument("--days", type=int, default=90, help="how far to look back")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            before = Version(options["before"])
        except InvalidVersion as error:
            raise CommandError(str(error)) from error
        name = canonicalize_name(options["project"])
        project = Project.objects.filter(normalized_name=name).first()
        if project is None:
            raise CommandError(f"There is no project {name}.")
        since = (timezone.now() - timedelta(days=options["days"])).date()
        for customer, (version, day) in sorted(newest_fetched(project.pk, since=since).items()):
            if version < before:
                self.stdout.write(f"{customer}: {version}, last fetched {day}")
