"""The registry of what is built: a subject adds a function per operation of Stripe's description.

    @operation("POST", "/v1/refunds", takes="charge payment_intent amount reason metadata")
    def create_refund(call: Call) -> Json: ...

`takes` lists the parameters that the function obeys (`subscription_data.metadata` for a nested
one; a name covers all below it). A request with another parameter is valid at Stripe and would be
half ignored here, so it is answered 501 instead.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .contract import Json, Value, schemas
from .errors import not_built
from .world import World


@dataclass
class Call:
    """One request on its way through a subject: typed parameters, checked against Stripe's own."""

    world: World
    ids: tuple[str, ...] = ()
    params: Json = field(default_factory=dict)

    def given(self, *names: str) -> Json:
        """Those of the named parameters that were sent; "" (Stripe's word for unset) is None."""
        sent = {name: self.params[name] for name in names if name in self.params}
        return {name: None if value == "" else value for name, value in sent.items()}


Handler = Callable[[Call], Json]
# Called after the clock has moved over a moment; see timeline.py.
TEMPLATES: dict[tuple[str, str], "Built"] = {}


@dataclass(frozen=True)
class Built:
    handler: Handler
    takes: frozenset[str]

    def check_takes(self, params: Json) -> None:
        for path in filter(None, _leaves(params, ())):
            covers = {".".join(path[:depth]) for depth in range(1, len(path) + 1)}
            if not covers & self.takes:
                raise not_built(f"the parameter {'.'.join(path)}")


def operation(method: str, template: str, takes: str = "") -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        TEMPLATES[method, template] = Built(handler, frozenset(takes.split()) | {"expand"})
        return handler

    return register


def _leaves(value: Value, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path


def merged_metadata(current: Json | None, given: Value) -> Json:
    """Stripe's rule: keys merge, an empty value removes its key, "" removes all."""
    if given in ("", None):
        return {}
    merged = (current or {}) | given
    return {key: value for key, value in merged.items() if value != ""}


def nulls(schema: str, **fields: Value) -> Json:
    """A nested hash with every property that the description knows, null unless given."""
    body: Json = dict.fromkeys(schemas()[schema]["properties"])
    return body | fields
