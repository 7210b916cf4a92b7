"""What lies in the exported folder. All of it is made from a snapshot, by the code that answers
from one:

    keys/ab/abc….json     by the SHA-256 of a key: its reader, or why it opens no door
    readers/….json        the root page and, of every project, the coverage; `anybody`: strangers
    coverages/….json      the pages of a project for this coverage, and the files it refuses
    pages/gzip/….json     a page in one form and coding, named by its digest
    files/….json          by file name: the project and the digests
    stored/…              the bytes, as the storage keeps them
    nginx/…               its configuration, and the script that looks all this up
    catalog.json          the other names: reserved ones, and where the rest is passed on to

What names a thing is written after the thing, so that a reader never follows a name to nothing.
"""

import hashlib
import ipaddress
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.core.files.storage import FileSystemStorage, default_storage

from pkgindex.index import rendering
from pkgindex.index.coverage import Coverage, Reader, Shelf, coverage_of
from pkgindex.index.encodings import CODINGS, IDENTITY
from pkgindex.index.format import provenance_path
from pkgindex.index.kept import Page
from pkgindex.index.negotiation import HTML, JSON, LEGACY_HTML
from pkgindex.index.pages import FileEntry
from pkgindex.index.snapshot import Snapshot
from pkgindex.static_export.tree import Tree, open_tree

log = logging.getLogger(__name__)

_FORMS = {"html": LEGACY_HTML, "v1json": JSON, "v1html": HTML}
_NGINX = Path(__file__).parent / "nginx"
Pages = dict[str, dict[str, str]]  # form → coding → name of the page


def export_index(snapshot: Snapshot, root: Path) -> int:
    """Make *root* hold the index as *snapshot* has it; how many files were written or removed.

    Safe to repeat and to be killed. Raises Unwritable, or OSError for a disk that is full.
    """
    with open_tree(root) as tree:
        _Export(snapshot, tree, root).write()
        return tree.changes


class _Export:
    def __init__(self, snapshot: Snapshot, tree: Tree, root: Path) -> None:
        self._snapshot = snapshot
        self._tree = tree
        self._root = root
        self._shelves = snapshot.list_shelves()
        self._coverages: dict[tuple[int, Coverage], str] = {}
        self._root_pages = {
            only_public: self._pages(
                partial(rendering.root_page, snapshot, only_public=only_public)
            )
            for only_public in (True, False)
        }

    def write(self) -> None:
        """What ended first, so that a full disk keeps nobody's door open."""
        refusals = self._snapshot.list_refusals()
        readers = dict(self._snapshot.list_readers())
        for digest, text in refusals.items():
            if digest not in readers:
                self._put(_key_path(digest), {"ended": text})
        for shelf in self._shelves:
            self._put_files(shelf)
        self._put_reader("anybody", None)
        for name, reader in {_name_of(reader): reader for reader in readers.values()}.items():
            self._put_reader(name, reader)
        for digest, reader in readers.items():
            self._put(_key_path(digest), _key(reader, refusals.get(digest, "")))
        self._put("catalog.json", self._catalog())
        self._put_own_files()
        self._tree.remove_the_rest("keys")
        self._tree.remove_the_rest()

    def _put_files(self, shelf: Shelf) -> None:
        for entry in self._snapshot.list_files(shelf):
            facts = {
                "project": shelf.normalized_name,
                "version": entry.version,
                "path": entry.path,
                "whole": [entry.sha256, self._store(entry.path)],
            }
            if entry.metadata_sha256:
                size = self._store(f"{entry.path}.metadata")
                facts["metadata"] = [entry.metadata_sha256, size]
            if entry.provenance_sha256:
                size = self._store(provenance_path(entry.path, entry.provenance_sha256))
                facts["provenance"] = [entry.provenance_sha256, size]
            self._put(f"files/{entry.filename}.json", facts)

    def _store(self, path: str) -> int:
        """Take the bytes in; their size. Of what is lost there is none, and nginx answers 503.

        What was taken in is not asked for again: a storage that is away takes nothing from here.
        """
        name = f"stored/{path}"
        if size := self._tree.keep_stored(name):
            return size
        if not default_storage.exists(path):
            log.error("%s is not in the storage", path)
            return 0
        size = default_storage.size(path)
        if isinstance(default_storage, FileSystemStorage):
            self._tree.store_link(name, Path(default_storage.path(path)))
        else:
            with default_storage.open(path) as source:
                self._tree.store_copy(name, cast("BinaryIO", source))
        return size

    def _put_reader(self, name: str, reader: Reader | None) -> None:
        projects: dict[str, str | None] = {}
        for shelf in self._shelves:
            is_hidden = reader is None and not shelf.is_public
            coverage = None if is_hidden else self._coverage(shelf, coverage_of(shelf, reader))
            projects[shelf.normalized_name] = coverage
        told = {"root": self._root_pages[reader is None], "projects": projects}
        if reader and reader.networks:
            told |= {"networks": list(_prefixes(reader)), "elsewhere": reader.elsewhere}
        self._put(f"readers/{name}.json", told)

    def _coverage(self, shelf: Shelf, coverage: Coverage) -> str:
        """Its name. It is written once, however many have it."""
        key = (shelf.id, coverage)
        if key not in self._coverages:
            made_of = (_code(), self._snapshot.base_url, shelf.digest, coverage)
            name = hashlib.sha256(repr(made_of).encode()).hexdigest()[:32]
            if not self._keep(name):
                self._put(f"coverages/{name}.json", self._tell(shelf, coverage))
            self._coverages[key] = name
        return self._coverages[key]

    def _keep(self, name: str) -> bool:
        """Whether the coverage is there with all its pages, from an earlier export: then nothing
        need be rendered.
        """
        try:
            told = json.loads((self._root / f"coverages/{name}.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return False
        self._tree.keep(f"coverages/{name}.json")
        return all(
            self._tree.keep_digested(f"pages/{coding}/{page}", page.partition(".")[0])
            for codings in (*told["simple"].values(), told["legacy"])
            for coding, page in codings.items()
        )

    def _tell(self, shelf: Shelf, coverage: Coverage) -> dict[str, Any]:
        of_this = (self._snapshot, shelf, coverage)
        return {
            "simple": self._pages(partial(rendering.project_page, *of_this)),
            "legacy": self._codings("legacy", partial(rendering.legacy_page, *of_this)),
            "quarantine": rendering.quarantine(shelf),
            "refused": _refused(self._snapshot.list_files(shelf), coverage),
        }

    def _pages(self, make: Callable[[str, str], Page]) -> Pages:
        return {name: self._codings(name, partial(make, form)) for name, form in _FORMS.items()}

    def _codings(self, extension: str, make: Callable[[str], Page]) -> dict[str, str]:
        """Coding → name. A page that is too small to be worth a coding has none."""
        names = {}
        for coding in (IDENTITY, *CODINGS):
            page = make(coding)
            if page.coding == coding:
                names[coding] = f"{page.tag}.{extension}"
                self._tree.put(f"pages/{coding}/{names[coding]}", page.whole.body)
        return names

    def _catalog(self) -> dict[str, Any]:
        return {
            "needs_key": rendering.needs_key(self._snapshot),
            "reserved": self._snapshot.list_reserved(),
            "upstream": self._snapshot.upstream.rstrip("/"),
        }

    def _put_own_files(self) -> None:
        for path in _NGINX.iterdir():
            text = path.read_text().replace("/srv/index", str(self._root.absolute()))
            self._tree.put(f"nginx/{path.name}", text.encode())

    def _put(self, path: str, content: dict[str, Any]) -> None:
        self._tree.put(path, json.dumps(content).encode())


@lru_cache(1)
def _code() -> str:
    """What renders the pages, by its digest: another release may write them otherwise."""
    sources = sorted(Path(rendering.__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def _key_path(digest: bytes) -> str:
    return f"keys/{digest.hex()[:2]}/{digest.hex()}.json"


def _key(reader: Reader, ended: str) -> dict[str, Any]:
    """`until` in microseconds since 1970, or null."""
    return {"reader": _name_of(reader), "until": reader.expires_at, "ended": ended}


def _name_of(reader: Reader) -> str:
    """The same for all who may have the same."""
    return _digest_of(replace(reader, credential_id=0, expires_at=None))


@lru_cache(4096)
def _digest_of(reader: Reader) -> str:
    return hashlib.sha256(repr(reader).encode()).hexdigest()[:32]


def _prefixes(reader: Reader) -> Iterator[tuple[str, int]]:
    """The networks as nginx gives addresses: bytes in hexadecimal, and how many bits count."""
    for text in reader.networks:
        network = ipaddress.ip_network(text)
        yield network.network_address.packed.hex(), network.prefixlen


def _refused(entries: list[FileEntry], coverage: Coverage) -> dict[str, list[str]]:
    """Sentence → the files that are refused with it."""
    refused: dict[str, list[str]] = {}
    for entry in entries:
        if sentence := coverage.refusal(entry.counts_from, entry.version):
            refused.setdefault(sentence, []).append(entry.filename)
    return refused
