"""Root → signing key → document: issue, find, rotate and revoke the keys in the middle.

A wheel knows only the roots. Whatever is signed carries its key's certificate in the footer, so a
wheel of two years ago verifies the signature of a key that was born today.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.cache import cache
from django.db import transaction

from lib.sealing import seal, unseal
from licenses import paseto
from licenses.issuing import supersede_documents
from licenses.models import License, RevokedKeys, SigningKey
from licenses.root_key import NoRootKey, key_id, load_root_key

Use = SigningKey.Use

CERTIFICATE = b"wheelbarrow-cert-v1"
REVOKED_KEYS = b"wheelbarrow-keys-v1"
REVOKED_LICENSES = b"wheelbarrow-revoked-v1"
KEY_LIFE = timedelta(days=2 * 365)  # as long as it certifies; documents outlive it
SEALED_FOR_EVER = 100 * 365 * 24 * 3600  # seconds
TOLD_DAYS = (0, 3, 14, 60)  # before the last key of a use ends
REMEMBERED_SECONDS = 30  # which key signs; a revoked one signs that much longer at most


@dataclass(frozen=True)
class Signer:
    """A key that may sign now, with the footer that proves it."""

    kid: str
    cert: str
    private: Ed25519PrivateKey

    def sign(self, claims: dict[str, object], *, purpose: bytes) -> str:
        footer = {"kid": self.kid, "cert": self.cert}
        return paseto.sign(self.private, claims, footer=footer, purpose=purpose)


def signer_for(use: Use, at: datetime) -> Signer:
    """The newest signing key of this use; the first one is made where the root key is at hand.

    Passes over what another SECRET_KEY sealed. Raises NoRootKey if there is neither.
    """
    remembered = cache.get(_cache_key(use))
    if remembered is not None:
        return _signer(remembered)
    signer = _newest_signer(use, at)
    cache.set(_cache_key(use), signer.kid, REMEMBERED_SECONDS)
    return signer


def _newest_signer(use: Use, at: datetime) -> Signer:
    sealed: NoRootKey | None = None
    for key in SigningKey.objects.filter(use=use).signing(at):
        try:
            return _signer(key.kid)
        except NoRootKey as error:
            sealed = sealed or error
    try:
        return _signer(issue_signing_key(use, at=at).kid)
    except NoRootKey as error:
        raise sealed or error from None


@transaction.atomic
def issue_signing_key(use: Use, *, at: datetime, root_file: str = "") -> SigningKey:
    """A new key that signs from now on; earlier ones stay valid. Raises NoRootKey."""
    root = load_root_key(root_file)
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    kid = key_id(public)
    key = SigningKey.objects.create(
        kid=kid,
        use=use,
        cert=_certificate(root, kid=kid, public=public, use=use, at=at),
        sealed_private=seal(base64.b64encode(private.private_bytes_raw()).decode()),
        not_before=at,
        not_after=at + KEY_LIFE,
        created_at=at,
    )
    transaction.on_commit(lambda: cache.delete(_cache_key(use)))
    return key


@transaction.atomic
def revoke_signing_key(kid: str, *, at: datetime, root_file: str = "") -> SigningKey:
    """Refuse what the key signed: for good, by a list that the root signs. Safe to repeat.

    Every license gets a newer rev, so that each client that leases fetches a document of a
    living key with its next answer. Raises NoRootKey and SigningKey.DoesNotExist.
    """
    key = SigningKey.objects.select_for_update().get(kid=kid)
    root = load_root_key(root_file)
    if key.revoked_at is None:
        key.revoked_at = at
        key.save(update_fields=["revoked_at"])
        if key.use == Use.LICENSE:
            supersede_documents(License.objects.all())
    kids = SigningKey.objects.filter(revoked_at__isnull=False).order_by("kid")
    claims = {"v": 1, "iat": unix(at), "revoked": list(kids.values_list("kid", flat=True))}
    token = paseto.sign(root, claims, footer={"kid": _kid_of(root)}, purpose=REVOKED_KEYS)
    RevokedKeys.objects.update_or_create(pk=RevokedKeys.ONLY, defaults={"token": token, "at": at})
    transaction.on_commit(lambda: cache.delete(_cache_key(Use(key.use))))
    return key


def list_ending(at: datetime) -> list[tuple[str, str]]:
    """What the owner is to hear of keys that end soon without a next one: the name of the fact,
    with the stage of TOLD_DAYS, and a sentence. Where the root is at hand the next makes itself.
    """
    try:
        load_root_key()
    except NoRootKey:
        last: dict[str, SigningKey] = {}
        for key in sorted(SigningKey.objects.all(), key=_ends_at):
            last[key.use] = key
        return [fact for key in last.values() for fact in _ending(key, at)]
    return []


def _ends_at(key: SigningKey) -> datetime:
    return key.not_after if key.revoked_at is None else min(key.revoked_at, key.not_after)


def _ending(key: SigningKey, at: datetime) -> list[tuple[str, str]]:
    ends_at = _ends_at(key)
    stages = [days for days in TOLD_DAYS if at >= ends_at - timedelta(days=days)]
    text = (
        f"Nobody signs {key.use}s after {ends_at:%Y-%m-%d}: the last key ends. Run `manage.py "
        f"signing_key issue --use {key.use} --root FILE` with the root key from its safe."
    )
    return [(f"signing-key:{key.kid}:{days}", text) for days in stages[:1]]


def key_list(at: datetime) -> dict[str, object]:
    """Everything that is refused: signing keys as the root signed it, licenses as of now.

    Raises NoRootKey.
    """
    revoked = License.objects.filter(status=License.Status.REVOKED).order_by("pk")
    claims: dict[str, object] = {
        "v": 1,
        "iat": unix(at.replace(minute=0, second=0)),
        "revoked": [str(pk) for pk in revoked.values_list("pk", flat=True)],
    }
    kept = RevokedKeys.objects.filter(pk=RevokedKeys.ONLY).first()
    return {
        "keys": kept.token if kept else None,
        "licenses": signer_for(Use.LICENSE, at).sign(claims, purpose=REVOKED_LICENSES),
        "certificates": list(
            SigningKey.objects.filter(revoked_at__isnull=True, not_after__gt=at)
            .order_by("pk")
            .values_list("cert", flat=True)
        ),
    }


def unix(at: datetime) -> int:
    return int(at.timestamp())


def _certificate(
    root: Ed25519PrivateKey, *, kid: str, public: bytes, use: Use, at: datetime
) -> str:
    claims = {
        "kid": kid,
        "pub": base64.b64encode(public).decode(),
        "use": use.value,
        "nbf": moment(at),
        "naf": moment(at + KEY_LIFE),
    }
    return paseto.sign(root, claims, footer={"kid": _kid_of(root)}, purpose=CERTIFICATE)


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _kid_of(key: Ed25519PrivateKey) -> str:
    return key_id(key.public_key().public_bytes_raw())


@lru_cache(maxsize=8)
def _signer(kid: str) -> Signer:
    key = SigningKey.objects.get(kid=kid)
    text = unseal(key.sealed_private, max_age_s=SEALED_FOR_EVER)
    if text is None:
        raise NoRootKey(
            f"Signing key {kid} was sealed with another SECRET_KEY; set SECRET_KEY_FALLBACKS, or "
            "issue a new one with `manage.py signing_key issue`."
        )
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(text))
    return Signer(kid=kid, cert=key.cert, private=private)


def _cache_key(use: Use) -> str:
    return f"signing-key:{use.value}"
