"""Who may have what, as the snapshot keeps it: each credential with its rights and its limits."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from licenses.credentials import refusal_of
from licenses.entitlements import Holder, Right, may_download
from licenses.models import Credential, License, Tier
from licenses.scopes import Scope
from pkgindex.index.coverage import NOTHING
from pkgindex.index.format import to_microseconds

Rank = tuple[int, int]  # of a reason: by status, and of equals that which covers most
Kept = tuple[Rank, int, int | None, int]  # a right: rank of its reason, tier, until, sentence
_ACTIVE = License.Status.ACTIVE
# Of several refusals the mildest is told (licenses.entitlements.may_download).
_ORDER = {status: rank for rank, status in enumerate(("active", "lapsed", "suspended", "revoked"))}
_UNLIMITED: Rank = (0, 0)
_OUT_OF_SCOPE: Rank = (len(_ORDER), 0)
# JSON as text: to decode that of 100,000 credentials would take a second.
_SCOPE = ("versions", Cast("products", TextField()), Cast("networks", TextField()))
_NO_SCOPE = ["", "[]", "[]"]
_FAR = datetime(9999, 1, 1, tzinfo=UTC)
_BEFORE = datetime(1970, 1, 1, tzinfo=UTC)  # before any credential ended
_NOBODY = Credential()


class Sentences:
    """Each sentence once, by number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {"": 0}
        self._of_right: dict[tuple[int, str, str, bool], int] = {}

    def rows(self) -> list[tuple[Any, ...]]:
        return [(number, text) for text, number in self._numbers.items() if number]

    def of_right(self, right: Right) -> int:
        """Why the right covers no release of the far future."""
        until = f"{right.updates_until:%Y-%m-%d}"
        key = (right.tier_id, right.status, until, right.is_evaluation)
        if key not in self._of_right:
            self._of_right[key] = self._number(_refusal(right, Scope()))
        return self._of_right[key]

    def of_product(self, scope: Scope, tier: Tier) -> int:
        """Why a credential that is limited to other products gets nothing of this tier."""
        return self._number(
            _refusal(Right(tier.pk, "", _ACTIVE, _FAR, product=tier.product.slug), scope)
        )

    def _number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))


class Holders:
    """The rows of all index credentials."""

    def __init__(self, sentences: Sentences) -> None:
        self._sentences = sentences
        self._tiers = {tier.pk: tier for tier in Tier.objects.select_related("product")}
        self._rights = self._read_rights()
        self._texts: dict[Any, str] = {}

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """One statement for key and scope: between two of them a limited key could come to be."""
        index = Credential.objects.filter(kind=Credential.Kind.INDEX, revoked_at__isnull=True)
        columns = index.values_list(
            "digest", "pk", "customer_id", "expires_at", "name", "hint", *_SCOPE
        )
        for digest, number, customer_id, expires_at, name, hint, *scope in columns.iterator(
            chunk_size=5000
        ):
            expires = None if expires_at is None else to_microseconds(expires_at)
            rights, limits = self._rights.get(customer_id, []), None
            if scope != _NO_SCOPE:
                limited = _read_scope(*scope)
                rights = [self._within(limited, right) for right in rights]
                limits = _rest_of(limited, Credential(name=name, hint=hint))
            yield bytes.fromhex(digest), number, expires, self._as_json(rights), limits

    def _within(self, scope: Scope, right: Kept) -> Kept:
        tier = self._tiers[right[1]]
        if scope.allows_product(tier.product.slug):
            return right
        return (_OUT_OF_SCOPE, tier.pk, NOTHING, self._sentences.of_product(scope, tier))

    def _read_rights(self) -> dict[int, list[Kept]]:
        """What the licenses of each customer give."""
        found: dict[int, list[Kept]] = defaultdict(list)
        active = Q(status=_ACTIVE)
        # Most are active, and then no date matters: reading dates is what would take the time.
        held = License.objects.filter(active).values_list("customer_id", "tier_id")
        for customer_id, tier_id in held.iterator(chunk_size=5000):
            found[customer_id].append((_UNLIMITED, tier_id, None, 0))
        columns = ("customer_id", "tier_id", "status", "updates_until", "kind")
        for customer_id, tier_id, status, updates_until, kind in (
            License.objects.exclude(active).order_by("pk").values_list(*columns)
        ):
            name, is_evaluation = str(self._tiers[tier_id]), kind == License.Kind.EVALUATION
            right = Right(tier_id, name, status, updates_until, is_evaluation=is_evaluation)
            is_lapsed = status == License.Status.LAPSED
            ended = to_microseconds(updates_until)
            rank, until = (_ORDER[status], -ended), ended if is_lapsed else NOTHING
            sentence = self._sentences.of_right(right)
            found[customer_id].append((rank, tier_id, until, sentence))
        return found

    def _as_json(self, rights: list[Kept]) -> str:
        """[[tier, until or null, sentence], …], the best reason first. Most customers have the
        same rights as others, so most texts are there already.
        """
        key = tuple(rights)
        if key not in self._texts:
            ordered = sorted(rights, key=lambda right: right[0])
            self._texts[key] = json.dumps([right[1:] for right in ordered])
        return self._texts[key]


def _read_scope(versions: str, products: str, networks: str) -> Scope:
    return Scope(frozenset(json.loads(products)), versions, tuple(json.loads(networks)))


def _rest_of(scope: Scope, credential: Credential) -> str:
    """All of a scope but its products, which the rights have in them already."""
    anybody, in_range = Right(0, "", _ACTIVE, _FAR), Scope(versions=scope.versions)
    rest = {
        "networks": scope.networks,
        "elsewhere": refusal_of(credential, _BEFORE, wanted=Credential.Kind.INDEX),
        "versions": scope.versions,
        "not_in_range": scope.versions and _refusal(anybody, in_range, version="none"),
    }
    return json.dumps(rest)


def _refusal(right: Right, scope: Scope, version: str = "") -> str:
    """What the holder of this right alone is told about a release of the far future."""
    holder = Holder(_NOBODY, (right,), scope)
    verdict = may_download(holder, tier_ids={right.tier_id}, released_at=_FAR, version=version)
    return f"{verdict.reason}; see {settings.BASE_URL}/account/"
