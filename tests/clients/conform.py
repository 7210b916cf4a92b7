"""Read an index with the libraries that read indexes, each in its own way.

    python conform.py INDEX_URL KEY PROJECT...

Runs in an environment of its own (tests/clients/test_conformance.py) and prints as JSON what each
reader found: for each project the versions, and the digests of the files it fetched.
"""

import asyncio
import hashlib
import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import html5lib
import httpx
from mousebender import simple
from pypi_simple import ACCEPT_HTML_ONLY, ACCEPT_JSON_ONLY, PyPISimple
from simple_repository.components.http import HttpRepository
from unearth import PackageFinder

JSON = "application/vnd.pypi.simple.v1+json"
FORMS = (JSON, "application/vnd.pypi.simple.v1+html", "text/html")
Found = dict[str, Any]


def with_pypi_simple(index: str, key: str, project: str, *, accept: str) -> Found:
    with PyPISimple(index, auth=("__token__", key), accept=accept) as client:
        assert project in client.get_index_page().projects
        page = client.get_project_page(project)
        assert page.repository_version == "1.4", page.repository_version
        for package in page.packages:
            assert package.digests.get("sha256"), package
            assert package.package_type in {"wheel", "sdist"}, package
            if package.has_metadata:
                # Verified against the digest of the page, or it raises.
                assert client.get_package_metadata(package, verify=True).startswith("Metadata-")
        if accept == ACCEPT_JSON_ONLY:
            assert all(package.size and package.upload_time for package in page.packages)
        return {"versions": sorted({package.version for package in page.packages})}


def with_mousebender(index: str, key: str, project: str, *, accept: str) -> Found:
    for url in (index, simple.create_project_url(index, project)):
        body, content_type = fetch(url, key, accept)
        if url == index:
            names = [
                entry["name"]
                for entry in simple.parse_project_index(body, content_type)["projects"]
            ]
            assert project in names
        else:
            details = simple.parse_project_details(body, content_type, project)
    return {
        "versions": sorted(
            {entry["filename"].split("-")[1].removesuffix(".tar.gz") for entry in details["files"]}
        )
    }


def with_html5lib(index: str, key: str, project: str, *, accept: str) -> Found:
    """Valid HTML5, or the strict parser raises."""
    versions = set()
    for url in (index, f"{index}{project}/"):
        body, content_type = fetch(url, key, accept)
        assert content_type.startswith(accept), content_type
        tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(body)
        for link in tree.iter("a"):
            if url != index:
                assert link.get("href").split("#")[0].endswith(link.text.replace("+", "%2B"))
                versions.add(link.text.split("-")[1].removesuffix(".tar.gz"))
    return {"versions": sorted(versions)}


def with_simple_repository(index: str, key: str, project: str) -> Found:
    async def read() -> Found:
        async with httpx.AsyncClient(auth=("__token__", key), follow_redirects=True) as client:
            repository = HttpRepository(index.rstrip("/"), client)
            listed = await repository.get_project_list()
            assert project in {entry.normalized_name for entry in listed.projects}
            page = await repository.get_project_page(project)
            assert page.meta.api_version == "1.4", page.meta
            return {"versions": sorted(page.versions or [])}

    return asyncio.run(read())


def with_unearth(index: str, key: str, project: str) -> Found:
    """pdm's finder: the best match is downloaded, and its hash verified."""
    authenticated = index.replace("://", f"://__token__:{key}@")
    finder = PackageFinder(index_urls=[authenticated])
    packages = list(finder.find_all_packages(project))
    assert packages
    best = finder.find_best_match(project).best
    assert best is not None
    digests = best.link.hashes
    assert digests
    with httpx.Client(auth=("__token__", key)) as client:
        body = client.get(best.link.url_without_fragment).raise_for_status().content
    assert hashlib.sha256(body).hexdigest() == digests["sha256"]
    return {"versions": sorted({package.version for package in packages})}


def fetch(url: str, key: str, accept: str) -> tuple[str, str]:
    auth = httpx.BasicAuth("__token__", key)
    answer = httpx.get(url, auth=auth, headers={"Accept": accept}).raise_for_status()
    return answer.text, answer.headers["Content-Type"]


READERS: dict[str, Callable[[str, str, str], Found]] = {
    "pypi-simple, JSON": lambda *a: with_pypi_simple(*a, accept=ACCEPT_JSON_ONLY),
    "pypi-simple, HTML": lambda *a: with_pypi_simple(*a, accept=ACCEPT_HTML_ONLY),
    **{
        f"mousebender, {form}": lambda *a, form=form: with_mousebender(*a, accept=form)
        for form in FORMS
    },
    **{
        f"html5lib, {form}": lambda *a, form=form: with_html5lib(*a, accept=form)
        for form in FORMS[1:]
    },
    "simple-repository": with_simple_repository,
    "unearth": with_unearth,
}


# mousebender knows the API up to 1.1, and a newer minor version is only worth a warning (PEP 629).
warnings.filterwarnings("ignore", category=simple.APIVersionWarning)


def main(index: str, key: str, *projects: str) -> None:
    found: dict[str, Found] = {}
    for name, read in READERS.items():
        for project in projects:
            try:
                found[f"{name}: {project}"] = read(index, key, project)
            except Exception as error:
                found[f"{name}: {project}"] = {"error": f"{type(error).__name__}: {error}"}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
