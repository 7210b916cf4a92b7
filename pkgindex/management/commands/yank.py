from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pkgindex import yanking
from pkgindex.models import File, Release


class Command(BaseCommand):
    help = "Yank a release, or one file of it: installs that do not pin it pass it over."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project")
        parser.add_argument("version")
        parser.add_argument("--reason", default="", help="what installers print when it is pinned")
        parser.add_argument("--file", default="", help="only the file of this name")
        parser.add_argument("--undo", action="store_true", help="offer it again")

    def handle(self, *args: Any, **options: Any) -> None:
        release = _find_release(options["project"], options["version"])
        if options["file"]:
            self._file(release, options["file"], options)
        elif options["undo"]:
            yanking.unyank_release(release.pk)
        else:
            yanking.yank_release(release.pk, reason=options["reason"], at=timezone.now())
        self.stdout.write(f"{release} is {'offered again' if options['undo'] else 'yanked'}.")

    def _file(self, release: Release, filename: str, options: dict[str, Any]) -> None:
        file = File.objects.filter(release=release, filename=filename).first()
        if file is None:
            known = ", ".join(release.files.values_list("filename", flat=True))
            raise CommandError(f"{release} has no file {filename}, only {known or 'none'}.")
        if options["undo"]:
            yanking.unyank_file(file.pk)
        else:
            yanking.yank_file(file.pk, reason=options["reason"], at=timezone.now())


def _find_release(project: str, version: str) -> Release:
    try:
        wanted = Version(version)
    except InvalidVersion as error:
        raise CommandError(str(error)) from error
    releases = Release.objects.filter(project__normalized_name=canonicalize_name(project))
    for release in releases.select_related("project"):
        if Version(release.version) == wanted:
            return release
    raise CommandError(f"There is no release {version} of {project}.")
