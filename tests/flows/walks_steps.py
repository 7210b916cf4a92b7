"""The steps of a walk, for hypothesis, which shortens a walk that ends wrong, and for dice.

Dice spread better: hypothesis leaves out some kinds of steps in each walk and repeats what it drew,
so that what takes three kinds in a row hardly ever comes.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Rule, RuleBasedStateMachine, initialize, rule

Mark = Callable[[Callable[..., None]], Any]


def first(**choices: Sequence[Any]) -> Mark:
    """What a walk begins with."""
    return _marked(initialize, 1, choices)


def step(weight: int = 1, **choices: Sequence[Any]) -> Mark:
    """What may come next; dice take it *weight* times as often as a step of 1."""
    return _marked(rule, weight, choices)


def _marked(made: Callable[..., Mark], weight: int, choices: dict[str, Sequence[Any]]) -> Mark:
    def mark(function: Any) -> Any:
        function.weight, function.choices = weight, choices
        drawn = {name: st.sampled_from(list(values)) for name, values in choices.items()}
        return made(**drawn)(function)

    return mark


def roll(walk: RuleBasedStateMachine, dice: random.Random, steps: int) -> Iterator[str]:
    """Take so many *steps*; says each before it is taken."""
    declared = walk.setup_state()
    for beginning in declared.initializers:
        yield from _take(walk, beginning, dice)
    for _ in range(steps):
        able = [each for each in declared.rules if all(may(walk) for may in each.preconditions)]
        weights = [each.function.weight for each in able]
        yield from _take(walk, dice.choices(able, weights)[0], dice)


def _take(walk: RuleBasedStateMachine, chosen: Rule, dice: random.Random) -> Iterator[str]:
    drawn = {name: dice.choice(values) for name, values in chosen.function.choices.items()}
    yield f"{chosen.function.__name__}({', '.join(f'{k}={v!r}' for k, v in drawn.items())})"
    chosen.function(walk, **drawn)
