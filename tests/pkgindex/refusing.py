"""Files with something wrong in them, and how a refusal looks."""

import tarfile
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage

from pkgindex.models import File, Project
from tests.pkgindex.uploader import Said

FOLDER = "hare-1.0.dist-info"
RECORD = f"{FOLDER}/RECORD"


def assert_refused(said: Said, sentence: str) -> None:
    """A 400 with the sentence in the reason phrase and the body, and nothing stored."""
    assert said.status == 400, said
    assert sentence in said.reason
    assert said.reason.isascii()
    assert said.reason.isprintable()
    assert said.body.strip()
    assert not File.objects.exists()
    assert not Project.objects.exists()
    assert not Path(default_storage.path("")).exists()


def member(name: str, **attributes: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info
