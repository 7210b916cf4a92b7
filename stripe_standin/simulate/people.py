"""Who comes, when, with which card, and what he does later; all of it follows from the seed."""

import random
from dataclasses import dataclass, field

GOOD, FAILS_LATER = "4242424242424242", "4000000000000341"
PRICES = {"pro_monthly": 5, "pro_yearly": 3, "enterprise_monthly": 2, "enterprise_yearly": 1}
# What somebody may do in a year, and how likely it is.
DEEDS = {
    "cancel": 0.25,
    "cancel_and_resume": 0.10,
    "more": 0.15,
    "fewer": 0.10,
    "refund": 0.05,
    "refund_some": 0.08,
    "dispute_lost": 0.03,
    "dispute_won": 0.03,
    "end_now": 0.05,
}


@dataclass
class Person:
    email: str
    joins_in_week: int
    price: str
    quantity: int
    card: str
    deeds: list[tuple[int, str]]  # (week, what), in order of time
    key: str = field(default="", init=False)
    has_bought: bool = field(default=False, init=False)

    @property
    def project(self) -> str:
        return "hare-ent" if self.price.startswith("enterprise") else "hare-pro"


def make_population(seed: int, customers: int, weeks: int) -> list[Person]:
    chance = random.Random(seed)  # noqa: S311 - repeatable
    return [_person(chance, number, weeks) for number in range(customers)]


def _person(chance: random.Random, number: int, weeks: int) -> Person:
    joins = chance.randrange(max(1, weeks - 4))
    price = chance.choices(list(PRICES), list(PRICES.values()))[0]
    deeds = [
        (chance.randrange(joins + 1, weeks), what)
        for what, a_year in DEEDS.items()
        if chance.random() < a_year * (weeks - joins) / 52
    ]
    return Person(
        email=f"dev{number}@company{number}.example",
        joins_in_week=joins,
        price=price,
        quantity=chance.randint(1, 12) if price.startswith("enterprise") else 1,
        card=FAILS_LATER if chance.random() < 0.08 else GOOD,
        deeds=sorted(deeds),
    )
