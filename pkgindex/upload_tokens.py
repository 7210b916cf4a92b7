"""Make, find, note the use of, and revoke the tokens that publish files."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from lib.tokens import TokenKind, digest_of, hint_of, is_well_formed, mint_token
from pkgindex.models import TrustedPublisher, UploadToken


@transaction.atomic
def create_upload_token(
    name: str,
    *,
    at: datetime,
    project_ids: Collection[int] = (),
    expires_at: datetime | None = None,
    publisher: TrustedPublisher | None = None,
    minted_from: str | None = None,
) -> tuple[UploadToken, str]:
    """A new upload token and its secret, which is shown now and never again."""
    secret = mint_token(TokenKind.UPLOAD)
    row = UploadToken.objects.create(
        name=name,
        digest=digest_of(secret),
        hint=hint_of(secret),
        created_at=at,
        expires_at=expires_at,
        publisher=publisher,
        minted_from=minted_from,
    )
    row.projects.set(project_ids)
    return row, secret


def find_upload_token(secret: str, at: datetime) -> UploadToken | None:
    """The usable upload token of *secret*; a typo is refused without a query."""
    if not is_well_formed(secret, TokenKind.UPLOAD):
        return None
    return UploadToken.objects.usable(at).filter(digest=digest_of(secret)).first()


def note_upload(token_id: int, *, at: datetime) -> None:
    UploadToken.objects.filter(pk=token_id).update(last_used_at=at)


def revoke_leaked_token(secret: str, *, at: datetime) -> UploadToken | None:
    """Refuse the token of *secret* from now on, whatever its state; None if there is none."""
    token = UploadToken.objects.filter(digest=digest_of(secret)).first()
    if token is not None:
        revoke_upload_token(token.pk, at=at)
    return token


def revoke_upload_token(token_id: int, *, at: datetime) -> None:
    """Refuse the token from now on; told twice, the first moment stands."""
    UploadToken.objects.filter(pk=token_id, revoked_at__isnull=True).update(revoked_at=at)
