"""Make, find, rotate, note the use of, and revoke the credentials of a customer."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce

from lib.tokens import TokenKind, digest_of, hint_of, is_well_formed, kind_of, mint_token
from licenses.generation import current_generation, raise_generation
from licenses.models import Credential, Customer, License
from licenses.scopes import EVERYTHING, Scope, scope_of

MAX_PER_CUSTOMER = 20  # of each kind
OVERLAP = timedelta(days=7)  # an old credential works on after its rotation
MAX_OVERLAP = timedelta(days=30)
REMEMBERED = 10_000  # lease credentials that one process keeps in memory
USE_NOTED_EVERY = timedelta(minutes=5)  # at most one write per credential in this time
REFUSALS_TOLD = timedelta(days=400)  # after the end; then a credential is merely unknown
MALFORMED = "The credential is malformed: a character is wrong or missing"
UNKNOWN = "The credential is unknown"
USE_OF = {"index": "it opens the index and leases nothing", "lease": "it leases threads only"}


_remembered: dict[str, tuple[int, Credential]] = {}


class TooManyCredentials(Exception):
    """The customer has 20 usable credentials of this kind; revoke one first."""


class AlreadyRotated(Exception):
    """The credential has a successor; rotate that one."""


class CredentialGone(Exception):
    """The credential was revoked or has expired; create a new one."""


@transaction.atomic
def adopt_credential(
    *, customer_id: int, digest: str, hint: str, name: str, at: datetime
) -> Credential:
    """Store a credential that was minted elsewhere by its digest. Safe to repeat."""
    credential, is_new = Credential.objects.get_or_create(
        digest=digest,
        defaults={"customer_id": customer_id, "hint": hint, "name": name, "created_at": at},
    )
    if is_new:
        raise_generation()
    return credential


@transaction.atomic
def create_credential(
    customer_id: int, *, name: str, at: datetime, scope: Scope = EVERYTHING
) -> tuple[Credential, str]:
    """A new index credential and its secret, which is shown now and never again."""
    return _create(customer_id, None, name=name, at=at, scope=scope)


@transaction.atomic
def create_lease_credential(
    license_id: int, *, name: str, at: datetime, scope: Scope = EVERYTHING
) -> tuple[Credential, str]:
    """A new credential that leases the threads of one license, and its secret."""
    license = License.objects.get(pk=license_id)
    return _create(license.customer_id, license_id, name=name, at=at, scope=scope)


def _create(
    customer_id: int, license_id: int | None, *, name: str, at: datetime, scope: Scope
) -> tuple[Credential, str]:
    Customer.objects.select_for_update().get(pk=customer_id)
    kind = Credential.Kind.INDEX if license_id is None else Credential.Kind.LEASE
    usable = Credential.objects.usable(at).filter(customer_id=customer_id, kind=kind)
    # A rotated one ends by itself and does not count.
    if usable.filter(rotated_at__isnull=True).count() >= MAX_PER_CUSTOMER:
        raise TooManyCredentials(f"customer {customer_id} has {MAX_PER_CUSTOMER} credentials")
    token = mint_token(TokenKind.INDEX if license_id is None else TokenKind.LEASE)
    credential = Credential.objects.create(
        customer_id=customer_id,
        license_id=license_id,
        kind=kind,
        digest=digest_of(token),
        hint=hint_of(token),
        name=name,
        created_at=at,
        expires_at=scope.expires_at,
        products=sorted(scope.products),
        versions=scope.versions,
        networks=list(scope.networks),
    )
    raise_generation()
    return credential, token


@transaction.atomic
def rotate_credential(
    credential_id: int, *, at: datetime, overlap: timedelta = OVERLAP
) -> tuple[Credential, str]:
    """A successor with the same name and scope; the old one works on for *overlap*.

    Raises AlreadyRotated, and CredentialGone for one that opens no door any more.
    """
    old = Credential.objects.select_for_update().get(pk=credential_id)
    if old.successor_id is not None:
        raise AlreadyRotated(f"credential {old.pk} was rotated at {old.rotated_at}")
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= at):
        raise CredentialGone(f"credential {old.pk} opens no door")
    ends_at = at + min(max(overlap, timedelta(0)), MAX_OVERLAP)
    Credential.objects.filter(pk=old.pk).update(
        rotated_at=at,
        expires_at=ends_at if old.expires_at is None else min(old.expires_at, ends_at),
    )
    scope = scope_of(old)
    successor, token = _create(old.customer_id, old.license_id, name=old.name, at=at, scope=scope)
    Credential.objects.filter(pk=old.pk).update(successor=successor)
    return successor, token


def find_credential(token: str, at: datetime) -> Credential | None:
    """The usable index credential of *token*; a typo is refused without a query."""
    if not is_well_formed(token, TokenKind.INDEX):
        return None
    usable = Credential.objects.usable(at).filter(kind=Credential.Kind.INDEX)
    return usable.filter(digest=digest_of(token)).first()


def find_lease_credential(token: str, at: datetime) -> Credential | None:
    """The usable lease credential of *token* with its license; a typo costs no query."""
    if not is_well_formed(token, TokenKind.LEASE):
        return None
    usable = Credential.objects.usable(at).filter(kind=Credential.Kind.LEASE)
    related = usable.select_related("license__tier__product", "license__customer")
    return related.filter(digest=digest_of(token)).first()


def remembered_lease_credential(token: str, at: datetime) -> Credential | None:
    """The same for renewals: remembered by this process until any right changes anywhere.

    Names and features of the tier may be older; who signs a document asks anew.
    """
    if not is_well_formed(token, TokenKind.LEASE):
        return None
    digest, generation = digest_of(token), current_generation()
    known_at, credential = _remembered.get(digest, (-1, None))
    if credential is None or known_at != generation:
        credential = find_lease_credential(token, at)
        if credential is not None:
            _remember(digest, generation, credential)
        return credential
    has_ended = credential.expires_at is not None and credential.expires_at <= at
    return None if has_ended else credential


def _remember(digest: str, generation: int, credential: Credential) -> None:
    if len(_remembered) >= REMEMBERED:
        _remembered.clear()
    _remembered[digest] = (generation, credential)


def explain_refusal(token: str, at: datetime, *, wanted: Credential.Kind) -> str:
    """One ASCII line that says why *token* opens no door of the *wanted* kind, for whoever reads
    a build log. What is malformed costs no query.
    """
    if not token:
        return "No credential was sent"
    if kind_of(token) is None:
        return MALFORMED
    found = Credential.objects.select_related("successor").filter(digest=digest_of(token)).first()
    return UNKNOWN if found is None else refusal_of(found, at, wanted=wanted)


def list_refusals(at: datetime) -> Iterator[tuple[str, str]]:
    """Digest and sentence of each index credential that ended in the last 400 days, or will
    end some day: for a snapshot, which must say why without asking anybody.
    """
    since = at - REFUSALS_TOLD
    ends = Q(revoked_at__gte=since) | Q(revoked_at__isnull=True, expires_at__gte=since)
    rows = Credential.objects.filter(ends, kind=Credential.Kind.INDEX).select_related("successor")
    for row in rows.iterator():
        then = at if row.expires_at is None else max(at, row.expires_at)
        yield row.digest, refusal_of(row, then, wanted=Credential.Kind.INDEX)


def explain_credential(credential: Credential, at: datetime) -> str:
    """The same for a row (with its successor), whoever asks; "" while it opens its door."""
    if credential.is_usable(at):
        return ""
    return refusal_of(credential, at, wanted=Credential.Kind(credential.kind))


def refusal_of(credential: Credential, at: datetime, *, wanted: Credential.Kind) -> str:
    """Why the credential opens no door of the *wanted* kind at *at*."""
    name = credential.name.encode("ascii", "replace").decode()
    who = f'The credential "{name}" (...{credential.hint})'
    where = f"{settings.BASE_URL}/account/"
    if credential.revoked_at is not None:
        why = f", {credential.revoked_for}" if credential.revoked_for else ""
        return f"{who} was revoked on {credential.revoked_at:%Y-%m-%d}{why}; {where}"
    if credential.kind != wanted:
        return f"{who} is of the other kind: {USE_OF[credential.kind]}; {where}"
    if credential.expires_at is None or credential.expires_at > at:
        return f"{who} is not for this network; {where}"
    if credential.successor is not None:
        return (
            f"{who} was rotated on {credential.rotated_at:%Y-%m-%d} and ended on "
            f"{credential.expires_at:%Y-%m-%d}; use its successor "
            f"(...{credential.successor.hint}); {where}"
        )
    return f"{who} expired on {credential.expires_at:%Y-%m-%d}; {where}"


def note_use(credential: Credential, *, client: str, at: datetime, network: str = "") -> None:
    """Remember that, by what and from where it was used; one write in five minutes at most.

    *network* is coarse, as `lib.addresses.network_of` makes it.
    """
    long_ago = Q(last_used_at__isnull=True) | Q(last_used_at__lte=at - USE_NOTED_EVERY)
    if credential.last_used_at is not None and credential.last_used_at > at - USE_NOTED_EVERY:
        return
    credential.last_used_at = at  # or a remembered one would be noted again
    Credential.objects.filter(long_ago, pk=credential.pk).update(
        first_used_at=Coalesce("first_used_at", "last_used_at", at),
        last_used_at=at,
        last_client=client[:80],
        last_network=network[:43],
    )


@transaction.atomic
def revoke_credential(credential_id: int, *, at: datetime, reason: str = "") -> bool:
    """Refuse the credential from now on; told twice, the first moment stands.

    Whether this call did it.
    """
    usable = Credential.objects.filter(pk=credential_id, revoked_at__isnull=True)
    is_mine = bool(usable.update(revoked_at=at, revoked_for=reason[:80]))
    if is_mine:
        raise_generation()
    return is_mine
