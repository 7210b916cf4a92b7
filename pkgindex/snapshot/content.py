"""What goes into a snapshot: the rows of the database, with every sentence finished."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from licenses.credentials import list_refusals
from licenses.entitlements import Holder, may_download
from licenses.generation import current_generation
from licenses.models import Credential
from pkgindex.index.coverage import NOTHING
from pkgindex.index.format import FORMAT, to_microseconds
from pkgindex.models import File, Project, Release, ReservedName, counting_moment
from pkgindex.snapshot.holders import Holders, Sentences

_DATES_OF_RELEASE = ("released_at", "backported_to")
_OF_FILE = (
    "filename", "packagetype", "sha256", "blake2_256", "size", "requires_python", "metadata_sha256",
    "provenance_sha256",
)  # fmt: skip
Rows = list[tuple[Any, ...]]
_FAR = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass
class Content:
    """The rows of each table of the snapshot."""

    meta: Rows = field(default_factory=list)
    credential: Rows = field(default_factory=list)
    refused: Rows = field(default_factory=list)
    sentence: Rows = field(default_factory=list)
    project: Rows = field(default_factory=list)
    file: Rows = field(default_factory=list)
    reserved: Rows = field(default_factory=list)


CATALOG = ("meta", "project", "file", "reserved")  # the tables that no right is in


def read_content() -> Content:
    """Everything as it is now. The number of the generation is read first: what changes while
    we read makes the snapshot look older than it is, never newer.
    """
    generation, made_at = current_generation(), timezone.now().isoformat()
    sentences = Sentences()
    # In the order of the table: a third faster.
    credential = sorted(Holders(sentences).rows())
    refused = [(bytes.fromhex(key), text) for key, text in list_refusals(timezone.now())]
    content = read_catalog(generation, made_at)
    return replace(content, credential=credential, refused=refused, sentence=sentences.rows())


def read_catalog(generation: int, made_at: str) -> Content:
    """The tables of CATALOG as they are now. *made_at* is when the others are read, or were."""
    content = Content()
    content.file, newest, digests = _files()
    content.project = list(_projects(newest, digests))
    content.reserved = list(ReservedName.objects.values_list("normalized_name", "is_prefix"))
    content.meta = list(_meta(generation, made_at, content))
    return content


def own_settings() -> dict[str, str]:
    """The settings that pages and answers speak of."""
    return {"base_url": settings.BASE_URL, "upstream": settings.INDEX_UPSTREAM}


def _meta(generation: int, made_at: str, content: Content) -> Iterator[tuple[str, str]]:
    yield "format", FORMAT
    yield "generation", str(generation)
    yield "made_at", made_at
    yield from own_settings().items()
    names = repr(sorted(row[1:4] for row in content.project))
    yield "catalog", hashlib.sha256(names.encode()).hexdigest()


def _files() -> tuple[Rows, dict[int, int], dict[int, Any]]:
    """The rows of all files in the order of their release; for each project the moment of its
    newest, and a running digest of all that its pages show.
    """
    rows: Rows = []
    newest: dict[int, int] = {}
    digests: dict[int, Any] = defaultdict(hashlib.sha256)
    releases = {
        row[0]: row[1:]
        for row in Release.objects.filter(is_staged=False).values_list(
            "pk", "project_id", "version", *_DATES_OF_RELEASE, "yanked_at", "yank_reason"
        )
    }
    # Plain rows: to make a model of each of 40,000 files would take a second.
    files = File.objects.order_by(
        "release__project_id", "release__released_at", "release_id", "filename"
    ).values_list("release_id", "yanked_at", "yank_reason", "uploaded_at", "pk", *_OF_FILE)
    for position, file in enumerate(files.iterator(chunk_size=5000)):
        release = releases.get(file[0])
        if release is None:
            continue  # staged, or published while we read; the generation says that too
        project_id, counts_from, *row = _file(release, *file[1:])
        newest[project_id] = max(newest.get(project_id, NOTHING), counts_from)
        digests[project_id].update(repr((counts_from, *row)).encode())
        rows.append((project_id, position, counts_from, *row))
    return rows, newest, digests


def _file(
    release: tuple[Any, ...],
    yanked_at: datetime | None,
    yank_reason: str,
    uploaded_at: datetime,
    number: int,
    *others: Any,
) -> tuple[Any, ...]:
    project_id, version, released_at, backported_to, release_yanked_at, release_reason = release
    counts_from = counting_moment(released_at, backported_to)
    inherited = release_reason if release_yanked_at else None
    return (
        project_id,
        to_microseconds(counts_from),
        to_microseconds(uploaded_at),
        number,
        version,
        yank_reason if yanked_at else inherited,
        *others,
    )


def _projects(newest: dict[int, int], digests: dict[int, Any]) -> Iterator[tuple[Any, ...]]:
    not_covered: dict[frozenset[int], str] = {}
    for project in Project.objects.prefetch_related("tiers"):
        tier_ids = frozenset(tier.pk for tier in project.tiers.all())
        if tier_ids not in not_covered:
            not_covered[tier_ids] = _not_covered(tier_ids)
        facts = (
            project.pk,
            project.normalized_name,
            project.name,
            project.is_public,
            json.dumps(sorted(tier_ids)),
            not_covered[tier_ids],
            project.status,
            project.status_reason,
            newest.get(project.pk, NOTHING),
        )
        digest = digests[project.pk]
        digest.update(repr(facts).encode())
        yield *facts, digest.digest()


def _not_covered(tier_ids: Iterable[int]) -> str:
    verdict = may_download(Holder(Credential(), ()), tier_ids=list(tier_ids), released_at=_FAR)
    return f"{verdict.reason}; see {settings.BASE_URL}/pricing/"
