"""Make, find, note the use of, and revoke the credentials of a customer."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from lib.tokens import TokenKind, digest_of, hint_of, is_well_formed, mint_token
from licenses.generation import raise_generation
from licenses.models import Credential, Customer

MAX_PER_CUSTOMER = 20
USE_NOTED_EVERY = timedelta(minutes=5)  # at most one write per credential in this time


class TooManyCredentials(Exception):
    """The customer has 20 usable credentials; revoke one first."""


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
def create_credential(customer_id: int, *, name: str, at: datetime) -> tuple[Credential, str]:
    """A new index credential and its secret, which is shown now and never again."""
    Customer.objects.select_for_update().get(pk=customer_id)
    if Credential.objects.usable(at).filter(customer_id=customer_id).count() >= MAX_PER_CUSTOMER:
        raise TooManyCredentials(f"customer {customer_id} has {MAX_PER_CUSTOMER} credentials")
    token = mint_token(TokenKind.INDEX)
    credential = adopt_credential(
        customer_id=customer_id, digest=digest_of(token), hint=hint_of(token), name=name, at=at
    )
    return credential, token


def find_credential(token: str, at: datetime) -> Credential | None:
    """The usable index credential of *token*; a typo is refused without a query."""
    if not is_well_formed(token, TokenKind.INDEX):
        return None
    usable = Credential.objects.usable(at).filter(kind=Credential.Kind.INDEX)
    return usable.filter(digest=digest_of(token)).first()


def note_use(credential: Credential, *, client: str, at: datetime) -> None:
    """Remember that and by what the credential was used; one write in five minutes at most."""
    long_ago = Q(last_used_at__isnull=True) | Q(last_used_at__lte=at - USE_NOTED_EVERY)
    if credential.last_used_at is not None and credential.last_used_at > at - USE_NOTED_EVERY:
        return
    Credential.objects.filter(long_ago, pk=credential.pk).update(
        last_used_at=at, last_client=client[:80]
    )


@transaction.atomic
def revoke_credential(credential_id: int, *, at: datetime) -> None:
    """Refuse the credential from now on; told twice, the first moment stands."""
    usable = Credential.objects.filter(pk=credential_id, revoked_at__isnull=True)
    if usable.update(revoked_at=at):
        raise_generation()
