"""Forms as Stripe reads them: `a[b][0][c]=v` becomes a nested dict."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from .spec import Json, Problem

KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
Form = bytes | str | Mapping[str, object] | Iterable[tuple[str, object]]


def _pairs(params: Form) -> list[tuple[str, object]]:
    if isinstance(params, bytes):
        params = params.decode()
    if isinstance(params, str):
        return list(parse_qsl(params, keep_blank_values=True))
    if not isinstance(params, Mapping):
        return list(params)
    pairs: list[tuple[str, object]] = []
    for key, value in params.items():
        many = value if isinstance(value, (list, tuple)) else [value]
        pairs += [(key, item) for item in many]
    return pairs


def _next_position(node: Json, following: str | None) -> str:
    """The key that `[]` stands for: `a[]` appends, `a[][b]` goes on with the last element."""
    last = str(len(node) - 1)
    goes_on = following is not None and isinstance(node.get(last), dict)
    return last if goes_on and following not in node[last] else str(len(node))


def _put(root: Json, steps: list[str], value: object) -> bool:
    """Whether the value found a place: False when a key is both a value and a hash."""
    node = root
    for depth, given in enumerate(steps[:-1]):
        step = given or _next_position(node, steps[depth + 1])
        node = node.setdefault(step, {})
        if not isinstance(node, dict):
            return False
    step = steps[-1] or _next_position(node, None)
    clash = isinstance(node.get(step), dict)
    node[step] = value
    return not clash


def decode_form(params: Form) -> tuple[Json, list[Problem]]:
    """Query string, bytes, dict or pairs -> nested dict, and what was malformed.

    `a[b]=1` -> `{'a': {'b': '1'}}`; `a[0][b]=1` and `a[][b]=1` -> `{'a': {'0': {'b': '1'}}}`.
    Arrays stay dicts with digit keys until the schema says that they are arrays.
    """
    root: Json = {}
    problems = []
    for key, value in _pairs(params):
        match = KEY.match(key)
        if not match:
            problems.append(Problem(key, "malformed parameter name", "parameter_malformed"))
            continue
        steps = [match.group(1), *re.findall(r"\[([^\[\]]*)\]", match.group(2))]
        if not _put(root, steps, value):
            problems.append(Problem(key, "both a value and a hash", "parameter_malformed"))
    return root, problems
