"""Requests: each parameter of a call held to the description, then read into Python values."""

import re
from collections.abc import Iterator

from .expand import check_expand
from .forms import Form, decode_form
from .spec import Json, Operation, Problem, Value, find_operation

SCALARS = {
    "integer": (re.compile(r"-?\d+"), "Invalid integer: {}", "parameter_invalid_integer"),
    "number": (
        re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?"),
        "Invalid decimal: {}",
        "parameter_invalid_decimal",
    ),
    "boolean": (re.compile("true|false"), "Invalid boolean: {}", "parameter_invalid_boolean"),
}
FORMATS = {
    "currency": (re.compile("[a-z]{3}"), "Invalid currency: {}", "parameter_invalid_currency"),
    "decimal": (
        re.compile(r"-?\d+(\.\d{1,12})?"),
        "Invalid decimal: {}",
        "parameter_invalid_decimal",
    ),
}
MAX_KEYS, MAX_KEY, MAX_VALUE = 50, 40, 500  # documented limits of metadata, not in the spec


def _join(path: str, key: str) -> str:
    return f"{path}[{key}]" if path else key


def _shape(path: str, kind: str) -> Problem:
    return Problem(path, f"Invalid {kind}", "parameter_invalid_shape")


def _check(schema: Json, value: Value, path: str) -> list[Problem]:
    """Problems of one decoded value against its schema (all leaves are strings)."""
    if "anyOf" in schema:
        return _check_options(schema["anyOf"], value, path)
    if schema.get("type") == "object":
        return list(_check_object(schema, value, path))
    if schema.get("type") == "array":
        return _check_array(schema, value, path)
    if isinstance(value, dict):
        return [_shape(path, schema.get("type", "value"))]
    problem = _check_scalar(schema, str(value), path)
    return [problem] if problem else []


def _check_options(options: list[Json], value: Value, path: str) -> list[Problem]:
    """The problems of the option that fits best; none when one fits."""
    found = [_check(option, value, path) for option in options]
    return min(
        found,
        key=lambda problems: (
            bool(problems),
            bool(problems) and problems[0].code == "parameter_invalid_shape",
            len(problems),
        ),
    )


def _check_object(schema: Json, value: Value, path: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield _shape(path, "object")
        return
    for key in schema.get("required", ()):
        if key not in value:
            where = _join(path, key)
            yield Problem(where, f"Missing required param: {where}.", "parameter_missing")
    for key, item in value.items():
        yield from _check_member(schema, key, item, _join(path, key))
    if path.rsplit("[", 1)[-1].rstrip("]") == "metadata":
        yield from _check_metadata(value, path)


def _check_member(schema: Json, key: str, value: Value, where: str) -> list[Problem]:
    properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
    if key in properties:
        return _check(properties[key], value, where)
    if extra is False or (properties and extra is None):
        return [Problem(where, f"Received unknown parameter: {where}", "parameter_unknown")]
    return _check(extra, value, where) if isinstance(extra, dict) else []


def _check_array(schema: Json, value: Value, path: str) -> list[Problem]:
    if not isinstance(value, dict) or not all(key.isdigit() for key in value):
        return [_shape(path, "array")]
    items = schema.get("items", {})
    return [p for key in value for p in _check(items, value[key], _join(path, key))]


def _check_scalar(schema: Json, value: str, path: str) -> Problem | None:
    for rule in (SCALARS.get(schema.get("type", "")), FORMATS.get(schema.get("format", ""))):
        if rule and not rule[0].fullmatch(value):
            return Problem(path, rule[1].format(value), rule[2])
    if "enum" in schema and value not in map(str, schema["enum"]):
        allowed = ", ".join(str(option) for option in schema["enum"][:12])
        message = f"Invalid {path}: must be one of {allowed}"
        return Problem(path, message, "parameter_invalid_enum")
    if len(value) > schema.get("maxLength", len(value)):
        message = f"Invalid string: longer than {schema['maxLength']} characters"
        return Problem(path, message, "parameter_too_long")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return Problem(path, f"does not match {schema['pattern']}", "parameter_invalid")
    return None


def _check_metadata(value: Json, path: str) -> Iterator[Problem]:
    if len(value) > MAX_KEYS:
        yield Problem(path, f"Metadata can have up to {MAX_KEYS} keys", "metadata_limit")
    for key, item in value.items():
        if len(key) > MAX_KEY or len(str(item)) > MAX_VALUE:
            message = f"Metadata keys have up to {MAX_KEY} characters, values up to {MAX_VALUE}"
            yield Problem(_join(path, key), message, "metadata_limit")


def _read(schema: Json, value: Value) -> Value:
    """A checked value as Python: int, float, bool, list; decimals stay strings, "" (unset) ""."""
    if "anyOf" in schema:
        fits = (option for option in schema["anyOf"] if not _check(option, value, ""))
        return _read(next(fits), value)
    kind = schema.get("type")
    if kind == "object":
        properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
        other = extra if isinstance(extra, dict) else {}
        return {key: _read(properties.get(key, other), item) for key, item in value.items()}
    if kind == "array":
        return [_read(schema.get("items", {}), value[key]) for key in sorted(value, key=int)]
    if kind == "integer":
        return int(value)
    if kind == "number":
        return float(value)
    return value == "true" if kind == "boolean" else value


def _schema(operation: Operation, method: str) -> Json:
    """What the operation takes, as one object schema."""
    if method.upper() == "GET":
        query = [p for p in operation.details.get("parameters", ()) if p["in"] == "query"]
        return {
            "type": "object",
            "properties": {p["name"]: p["schema"] for p in query},
            "required": [p["name"] for p in query if p.get("required")],
            "additionalProperties": False,
        }
    content = operation.details.get("requestBody", {}).get("content", {})
    schema = content.get("application/x-www-form-urlencoded", {}).get("schema", {})
    return {"type": "object", "additionalProperties": False, **schema}


def read_request(method: str, path: str, form: Form = ()) -> tuple[Json, list[Problem]]:
    """The parameters of one call as Python values, or what is wrong with them."""
    path, _, query = path.partition("?")
    operation = find_operation(method, path)
    if operation is None:
        message = f"Unrecognized request URL ({method.upper()}: {path})."
        return {}, [Problem("", message, "route_unknown")]
    values, problems = decode_form(form or query)
    schema = _schema(operation, method)
    problems += _check(schema, values, "")
    if not problems and isinstance(values.get("expand"), dict):
        problems += check_expand(operation, values["expand"].values())
    return ({} if problems else _read(schema, values)), problems


def validate_request(method: str, path: str, form: Form = ()) -> list[Problem]:
    """Problems of one v1 API call. *form*: the body (or query of a GET) in any shape."""
    return read_request(method, path, form)[1]
