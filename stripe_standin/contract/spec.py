"""Stripe's description itself: schemas by name, resources by `object`, operations by route.

`data/spec3.trimmed.json.gz` is cut from github.com/stripe/openapi (MIT) to the operations that a
seller of subscriptions needs, with every schema they reach and without the prose.
"""

import functools
import gzip
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple, Self

API_VERSION = "2026-05-27.dahlia"
SPEC_FILE = Path(__file__).parent.parent / "data" / "spec3.trimmed.json.gz"

Json = dict[str, Any]
Value = Any  # any JSON value, read or not yet read


class Problem(str):
    """One sentence about what is wrong; `param` says where, `code` is Stripe's error code."""

    __slots__ = ("code", "message", "param")

    param: str
    message: str
    code: str

    def __new__(cls, param: str, message: str, code: str = "invalid") -> Self:
        self = super().__new__(cls, f"{param}: {message}" if param else message)
        self.param, self.message, self.code = param, message, code
        return self


class Operation(NamedTuple):
    """A route of the description: its path template, and what OpenAPI says about the method."""

    template: str
    details: Json


@functools.cache
def load_spec() -> Json:
    spec: Json = json.loads(gzip.decompress(SPEC_FILE.read_bytes()))
    if spec["info"]["version"] != API_VERSION:
        raise RuntimeError(f"the description is {spec['info']['version']}, not {API_VERSION}")
    return spec


def schemas() -> Json:
    found: Json = load_spec()["components"]["schemas"]
    return found


def referenced(node: Json) -> str:
    """The component name behind a `$ref`."""
    return str(node["$ref"]).rsplit("/", 1)[1]


@functools.cache
def schemas_by_object() -> dict[str, list[str]]:
    """{'customer': ['customer', 'deleted_customer'], ...} from each schema's `object` enum."""
    index: dict[str, list[str]] = defaultdict(list)
    for name, schema in schemas().items():
        for value in schema.get("properties", {}).get("object", {}).get("enum", ()):
            index[value].append(name)
    return dict(index)


def schema_for(body: Json) -> str | None:
    """The component schema that a JSON object claims to be."""
    if not isinstance(body.get("object"), str):
        return None
    names = schemas_by_object().get(body["object"], [])
    deleted = [name for name in names if name.startswith("deleted_")]
    if body.get("deleted") is True and deleted:
        return deleted[0]
    live = [name for name in names if name not in deleted]
    return live[0] if live else None


@functools.cache
def _routes() -> list[tuple[int, str, re.Pattern[str]]]:
    routes = []
    for template in load_spec()["paths"]:
        parts = template.strip("/").split("/")
        steps = ["([^/]+)" if part.startswith("{") else re.escape(part) for part in parts]
        placeholders = sum(part.startswith("{") for part in parts)
        routes.append((placeholders, template, re.compile("^/" + "/".join(steps) + "$")))
    return sorted(routes, key=lambda route: route[:2])  # fewest placeholders first


@functools.lru_cache(maxsize=4096)
def find_operation(method: str, path: str) -> Operation | None:
    paths = load_spec()["paths"]
    for _, template, pattern in _routes():
        if pattern.match(path) and method.lower() in paths[template]:
            return Operation(template, paths[template][method.lower()])
    return None
