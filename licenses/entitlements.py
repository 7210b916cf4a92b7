"""What other apps may ask: who is behind a token, and what may he download."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from licenses.credentials import find_credential
from licenses.models import Credential, License, Tier
from licenses.scopes import EVERYTHING, Scope, scope_of


@dataclass(frozen=True)
class Right:
    """What one license gives its holder as of now."""

    tier_id: int
    tier_name: str  # with the product's: "Hare Pro"
    status: str  # License.Status
    updates_until: datetime
    product: str = ""  # its slug
    is_evaluation: bool = False


@dataclass(frozen=True)
class Holder:
    """Whoever a credential belongs to, with the rights of all his licenses."""

    credential: Credential
    rights: tuple[Right, ...]
    scope: Scope = EVERYTHING

    @property
    def customer_id(self) -> int:
        return self.credential.customer_id


@dataclass(frozen=True)
class Verdict:
    """Whether a file may be had; if not, one ASCII sentence that says why."""

    is_allowed: bool
    reason: str = ""


ALLOWED = Verdict(is_allowed=True)


def find_holder(token: str, at: datetime, *, address: str | None = None) -> Holder | None:
    """Whoever *token* belongs to; None if it is malformed, unknown, expired or revoked, or not
    for the network of *address*. Why, says `licenses.credentials.explain_refusal`.
    """
    credential = find_credential(token, at)
    if credential is None:
        return None
    scope = scope_of(credential)
    if address is not None and not scope.allows_address(address):
        return None
    # In one order: of two refusals that weigh the same, everybody tells the same one.
    licenses = (
        License.objects.filter(customer_id=credential.customer_id)
        .select_related("tier__product")
        .order_by("pk")
    )
    rights = tuple(_right(license) for license in licenses)
    return Holder(credential, rights, scope)


def may_download(
    holder: Holder,
    *,
    tier_ids: Collection[int],
    released_at: datetime,
    version: str = "",
) -> Verdict:
    """May *holder* have a file that *tier_ids* grant and that was released at *released_at*?

    The best of his licenses decides; the reason of a refusal is that of the best one too:
    lapsed before suspended before revoked before none at all, and of equals the one that covers
    most. A credential that is limited to other products is refused like one of a license that does
    not cover the project, and the range of versions is told to whoever has the right to the file
    but for it.
    """
    rights = [right for right in holder.rights if right.tier_id in tier_ids]
    in_scope = [right for right in rights if holder.scope.allows_product(right.product)]
    if rights and not in_scope:
        names = ", ".join(sorted(holder.scope.products))
        return Verdict(is_allowed=False, reason=f"This credential is limited to {names}")
    rights = in_scope
    if any(_covers(right, released_at) for right in rights):
        if version and not holder.scope.allows_version(version):
            reason = f"This credential is limited to versions {holder.scope.versions}"
            return Verdict(is_allowed=False, reason=reason)
        return ALLOWED
    if not rights:
        return Verdict(is_allowed=False, reason=_not_covered(tier_ids))
    return Verdict(is_allowed=False, reason=_refusal(_best(rights)))


def _right(license: License) -> Right:
    tier = license.tier
    return Right(
        tier.pk, str(tier), license.status, license.updates_until, product=tier.product.slug,
        is_evaluation=license.kind == License.Kind.EVALUATION,
    )  # fmt: skip


def _covers(right: Right, released_at: datetime) -> bool:
    if right.status == License.Status.ACTIVE:
        return True
    return right.status == License.Status.LAPSED and released_at <= right.updates_until


def _best(rights: list[Right]) -> Right:
    order: list[str] = [License.Status.REVOKED, License.Status.SUSPENDED, License.Status.LAPSED]
    return max(rights, key=lambda right: (order.index(right.status), right.updates_until))


def _refusal(right: Right) -> str:
    if right.status == License.Status.LAPSED:
        until = f"{right.updates_until:%Y-%m-%d}"
        return f"Your license of {right.tier_name} ended {until} and covers releases up to then"
    if right.status == License.Status.SUSPENDED:
        return f"Your license of {right.tier_name} is suspended while a payment is disputed"
    if right.is_evaluation:
        return f"Your evaluation of {right.tier_name} is over"
    return f"Your license of {right.tier_name} was revoked"


def _not_covered(tier_ids: Collection[int]) -> str:
    tiers = Tier.objects.filter(pk__in=tier_ids).select_related("product").order_by("rank")
    names = " or ".join(str(tier) for tier in tiers) or "no license on sale"
    return f"Your license does not cover this project, it needs {names}"


def support_allowance(customer_id: int, at: datetime) -> int | None:
    """Tickets that the customer's licenses include in a quarter, as of *at*.

    Of each product the best tier counts, so an upgrade raises it at once. A license that is
    suspended while a payment is disputed still counts; None means that nothing is current.
    """
    return support_allowances([customer_id], at).get(customer_id)


def support_allowances(customer_ids: Iterable[int], at: datetime) -> dict[int, int]:
    """`support_allowance` of many, without those who have nothing current; one query."""
    current = License.objects.filter(
        customer__in=set(customer_ids),
        status__in=[License.Status.ACTIVE, License.Status.SUSPENDED],
        created_at__lte=at,
    ).values_list("customer_id", "tier__product_id", "tier__tickets_per_quarter")
    held: dict[int, list[tuple[int, int]]] = {}
    for customer_id, product_id, tickets in current:
        held.setdefault(customer_id, []).append((product_id, tickets))
    return {customer_id: _sum_of_best(rows) for customer_id, rows in held.items()}


def allowance_among(licenses: Iterable[License], at: datetime) -> int | None:
    """`support_allowance` of the one customer who holds these, read with their tiers; no query."""
    counting = {License.Status.ACTIVE, License.Status.SUSPENDED}
    current = [one for one in licenses if one.status in counting and one.created_at <= at]
    rows = [(one.tier.product_id, one.tier.tickets_per_quarter) for one in current]
    return _sum_of_best(rows) if rows else None


def _sum_of_best(rows: Iterable[tuple[int, int]]) -> int:
    """Of (product, tickets): the most of each product, together."""
    best: dict[int, int] = {}
    for product_id, tickets in rows:
        best[product_id] = max(tickets, best.get(product_id, 0))
    return sum(best.values())
