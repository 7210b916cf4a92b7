"""`expand` paths, checked against what the description calls expandable."""

from collections.abc import Iterable, Iterator

from .spec import Json, Operation, Problem, referenced, schemas

MAX_DEPTH = 4


def check_expand(operation: Operation, paths: Iterable[object]) -> list[Problem]:
    answer = operation.details["responses"]["200"]["content"]["application/json"]["schema"]
    return [problem for path in paths for problem in _check_path(answer, str(path))]


def _check_path(answer: Json, path: str) -> list[Problem]:
    steps = path.split(".")
    if len(steps) > MAX_DEPTH:
        message = f"You cannot expand more than {MAX_DEPTH} levels of a property: {path}"
        return [Problem("expand", message, "expand_depth")]
    nodes = list(_targets(answer))
    for step in steps:
        found = [node["properties"][step] for node in nodes if _may_expand(node, step)]
        if not found:
            message = f"This property cannot be expanded ({path})."
            return [Problem("expand", message, "expand_invalid")]
        nodes = [target for node in found for target in _elements(node)]
    return []


def _may_expand(node: Json, step: str) -> bool:
    prop = node.get("properties", {}).get(step)
    if prop is None:
        return False
    expandable = node.get("x-expandableFields")
    # `additionalProperties`: a hash such as customer.invoice_credit_balance is not listed there.
    return (
        step == "data" or expandable is None or step in expandable or "additionalProperties" in prop
    )


def _targets(node: Json) -> Iterator[Json]:
    """The schemas, with properties or items, that a property may hold."""
    if "$ref" in node:
        node = schemas()[referenced(node)]
    if "anyOf" in node:
        for option in node["anyOf"]:
            yield from _targets(option)
    elif "properties" in node or node.get("type") == "array":
        yield node


def _elements(node: Json) -> Iterator[Json]:
    for target in _targets(node):
        if target.get("type") == "array":
            yield from _targets(target["items"])
        else:
            yield target
