"""Answers: OpenAPI 3.0 becomes JSON Schema 2020-12, and every resource is checked on its own.

A reference to a *resource* (a schema with an `object` enum) becomes a small stub that checks only
`object`; a walker then validates each nested resource by itself. So compiled schemas stay small,
and an error is reported where it is, not as "no anyOf branch fits". `jsonschema_rs` decides
(about 600 times faster on the good path), `jsonschema` explains.
"""

import functools
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jsonschema_rs
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from .spec import Json, Problem, Value, find_operation, referenced, schema_for, schemas

# What a user or a diff fills in: never walked into.
OPEN = frozenset({"metadata", "previous_attributes"})
COPIED = ("type", "enum", "maxLength", "minLength", "minimum", "maximum", "pattern", "required")
PATTERNS = {"currency": "^[a-z]{3}$", "decimal": r"^-?\d+(\.\d+)?$"}
Path = tuple[str | int, ...]


class Validator(NamedTuple):
    is_valid: Callable[[Any], bool]
    explain: Draft202012Validator


def _stub(name: str) -> Json:
    enum = schemas()[name]["properties"]["object"]["enum"]
    required, deleted = ["object"], Json({"not": {"const": True}})
    if name.startswith("deleted_"):
        required, deleted = ["object", "deleted"], Json({"const": True})
    properties = {"object": {"enum": enum}, "deleted": deleted}
    return {"type": "object", "required": required, "properties": properties}


def _translate_reference(name: str, defs: Json, *, strict: bool) -> Json:
    target = schemas()[name]
    if "enum" in target.get("properties", {}).get("object", {}):
        return _stub(name)
    if name not in defs:
        defs[name] = None  # breaks recursion
        defs[name] = _translate(target, defs, strict=strict)
    return {"$ref": "#/$defs/" + name}


def _translate(node: Json, defs: Json, *, strict: bool) -> Json:
    if "$ref" in node:
        return _translate_reference(referenced(node), defs, strict=strict)
    out = {key: node[key] for key in COPIED if key in node}
    if strict and node.get("format") in PATTERNS:
        out["pattern"] = PATTERNS[node["format"]]
    _translate_children(node, out, defs, strict=strict)
    if node.get("nullable"):
        _allow_null(out)
    return out


def _translate_children(node: Json, out: Json, defs: Json, *, strict: bool) -> None:
    translate = functools.partial(_translate, defs=defs, strict=strict)
    if "properties" in node:
        out["properties"] = {key: translate(value) for key, value in node["properties"].items()}
        if strict:
            out["additionalProperties"] = False
    extra = node.get("additionalProperties")
    if extra is not None:
        out["additionalProperties"] = extra if isinstance(extra, bool) else translate(extra)
    if "items" in node:
        out["items"] = translate(node["items"])
    if "anyOf" in node:
        out["anyOf"] = [translate(option) for option in node["anyOf"]]


def _allow_null(out: Json) -> None:
    if "anyOf" in out:
        out["anyOf"] = [*out["anyOf"], {"type": "null"}]
    if "type" in out:
        out["type"] = [out["type"], "null"]
    if "enum" in out:
        out["enum"] = [*out["enum"], None]


@functools.cache
def _validator(source: str, *, inline: bool, strict: bool) -> Validator:
    """Compiled once: *source* is a component's name, or a schema as JSON text (*inline*)."""
    defs: Json = {}
    root = json.loads(source) if inline else schemas()[source]
    schema = {**_translate(root, defs, strict=strict), "$defs": defs}
    decide = jsonschema_rs.Draft202012Validator(schema).is_valid
    return Validator(decide, Draft202012Validator(schema))


def _run(validator: Validator, body: Value, path: Path) -> list[Problem]:
    if validator.is_valid(body):
        return []
    problems = []
    for error in validator.explain.iter_errors(body):
        deep = (best_match([error]) if error.context else None) or error
        where = ".".join(str(step) for step in (*path, *deep.absolute_path))
        problems.append(Problem(where, deep.message[:300], str(deep.validator)))
    return problems


def _walk(body: Value, path: Path, *, strict: bool) -> Iterable[Problem]:
    if isinstance(body, list):
        for position, item in enumerate(body):
            yield from _walk(item, (*path, position), strict=strict)
    elif isinstance(body, dict):
        if name := schema_for(body):
            yield from _run(_validator(name, inline=False, strict=strict), body, path)
        for key, value in body.items():
            if key not in OPEN and isinstance(value, (dict, list)):
                yield from _walk(value, (*path, key), strict=strict)


def validate_object(name: str, body: object, *, strict: bool = True) -> list[Problem]:
    """Problems of one API resource, and of every resource expanded inside it."""
    if name not in schemas():
        return [Problem("", f"no schema named {name!r} in the description", "schema_unknown")]
    if not isinstance(body, dict):
        return [Problem("", "not a JSON object", "type")]
    problems: list[Problem] = []
    if schema_for(body) != name:
        problems += _run(_validator(name, inline=False, strict=strict), body, ())
    return problems + list(_walk(body, (), strict=strict))


def validate_response(
    method: str, path: str, status: int, body: object, *, strict: bool = True
) -> list[Problem]:
    path = path.split("?", 1)[0]
    operation = find_operation(method, path)
    if operation is None:
        return [Problem("", f"no operation {method} {path} in the description", "route_unknown")]
    responses = operation.details["responses"]
    if 200 <= status < 400 and str(status) not in responses:
        return [Problem("", f"status {status} is not documented for {method} {path}", "status")]
    if not isinstance(body, dict):
        return [Problem("", "not a JSON object", "type")]
    answer = responses.get(str(status)) or responses["default"]
    schema = answer["content"]["application/json"]["schema"]
    problems: list[Problem] = []
    name = referenced(schema) if "$ref" in schema else None
    if name is None or schema_for(body) != name:  # else the walker validates the root
        source = json.dumps(schema, sort_keys=True)
        problems += _run(_validator(source, inline=True, strict=strict), body, ())
    return problems + list(_walk(body, (), strict=strict))
