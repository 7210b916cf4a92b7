"""At the end: what everybody's key opens, against what Stripe says of his subscription."""

from collections.abc import Iterator

from .people import Person
from .years import LIVE, Business


def differences(business: Business) -> Iterator[str]:
    """One sentence for everybody who has more, or less, than he should."""
    lost = {row["charge"] for row in business.standin.everything("disputes") if _is_lost(row)}
    charges = business.standin.everything("charges")
    paid = [row for row in charges if row["status"] == "succeeded"]
    back = {row["customer"] for row in paid if row["refunded"] or row["id"] in lost}
    kept = {row["customer"] for row in paid if not row["refunded"] and row["id"] not in lost}
    for person in business.people:
        if person.has_bought:
            yield from _of(business, person, back, back - kept)


def _is_lost(dispute: dict[str, object]) -> bool:
    return dispute["status"] == "lost"


def _of(business: Business, person: Person, back: set[str], all_back: set[str]) -> Iterator[str]:
    subscription = business.subscription_of(person)
    if subscription is None:
        yield f"{person.email} has a key and no subscription"
        return
    status = business.shop.newest_file_status(person.project, person.key)
    # Whose money went back may still live on: a later period was paid before anybody saw it.
    allowed = {200} if subscription["status"] in LIVE else {402, 200}
    if subscription["status"] in LIVE and subscription["customer"] in back:
        allowed = {200, 402}
    elif subscription["customer"] in all_back:
        allowed = {402}  # ended, and nothing of it was paid in the end: a free rider
    if subscription["status"] == "past_due":
        allowed = {200, 402}  # the grace of the shop's own decides
    if status not in allowed:
        yield f"{person.email}: {subscription['status']}, but the newest file answers {status}"
