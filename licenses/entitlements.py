"""What other apps may ask: who is behind a token, and what may he download."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from licenses.credentials import find_credential
from licenses.models import Credential, License, Tier


@dataclass(frozen=True)
class Right:
    """What one license gives its holder as of now."""

    tier_id: int
    tier_name: str  # with the product's: "Hare Pro"
    status: str  # License.Status
    updates_until: datetime


@dataclass(frozen=True)
class Holder:
    """Whoever a credential belongs to, with the rights of all his licenses."""

    credential: Credential
    rights: tuple[Right, ...]

    @property
    def customer_id(self) -> int:
        return self.credential.customer_id


@dataclass(frozen=True)
class Verdict:
    """Whether a file may be had; if not, one ASCII sentence that says why."""

    is_allowed: bool
    reason: str = ""


ALLOWED = Verdict(is_allowed=True)


def find_holder(token: str, at: datetime) -> Holder | None:
    """Whoever *token* belongs to; None if it is malformed, unknown, expired or revoked."""
    credential = find_credential(token, at)
    if credential is None:
        return None
    licenses = License.objects.filter(customer_id=credential.customer_id).select_related(
        "tier__product"
    )
    return Holder(credential, tuple(_right(license) for license in licenses))


def may_download(holder: Holder, *, tier_ids: Collection[int], released_at: datetime) -> Verdict:
    """May *holder* have a file that *tier_ids* grant and that was released at *released_at*?

    The best of his licenses decides; the reason of a refusal is that of the best one too:
    lapsed before suspended before revoked before none at all.
    """
    rights = [right for right in holder.rights if right.tier_id in tier_ids]
    if any(_covers(right, released_at) for right in rights):
        return ALLOWED
    if not rights:
        return Verdict(is_allowed=False, reason=_not_covered(tier_ids))
    order = [License.Status.LAPSED, License.Status.SUSPENDED, License.Status.REVOKED]
    best = min(rights, key=lambda right: order.index(License.Status(right.status)))
    return Verdict(is_allowed=False, reason=_refusal(best))


def _right(license: License) -> Right:
    return Right(license.tier_id, str(license.tier), license.status, license.updates_until)


def _covers(right: Right, released_at: datetime) -> bool:
    if right.status == License.Status.ACTIVE:
        return True
    return right.status == License.Status.LAPSED and released_at <= right.updates_until


def _refusal(right: Right) -> str:
    if right.status == License.Status.LAPSED:
        until = f"{right.updates_until:%Y-%m-%d}"
        return f"Your license of {right.tier_name} ended {until} and covers releases up to then"
    if right.status == License.Status.SUSPENDED:
        return f"Your license of {right.tier_name} is suspended while a payment is disputed"
    return f"Your license of {right.tier_name} was revoked"


def _not_covered(tier_ids: Collection[int]) -> str:
    tiers = Tier.objects.filter(pk__in=tier_ids).select_related("product").order_by("rank")
    names = " or ".join(str(tier) for tier in tiers) or "no license on sale"
    return f"Your license does not cover this project, it needs {names}"
