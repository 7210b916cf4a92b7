from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from lib.tokens import TokenKind, digest_of, is_well_formed, mint_token
from pkgindex.models import UploadToken
from pkgindex.upload_tokens import create_upload_token, find_upload_token, revoke_upload_token

pytestmark = pytest.mark.django_db


def test_only_the_digest_of_a_token_is_stored():
    row, secret = create_upload_token("laptop", at=timezone.now())

    assert is_well_formed(secret, TokenKind.UPLOAD)
    assert row.digest == digest_of(secret)
    assert str(row) == f"laptop (…{secret[-4:]})"
    assert secret not in str(UploadToken.objects.values())


def test_a_token_is_found_until_it_is_revoked():
    at = timezone.now()
    row, secret = create_upload_token("laptop", at=at)

    assert find_upload_token(secret, at) == row
    revoke_upload_token(row.pk, at=at)
    assert find_upload_token(secret, at) is None


def test_revoking_again_keeps_the_first_moment():
    at = timezone.now()
    row, _ = create_upload_token("laptop", at=at)

    revoke_upload_token(row.pk, at=at)
    revoke_upload_token(row.pk, at=at + timedelta(days=1))

    row.refresh_from_db()
    assert row.revoked_at == at


def test_a_token_ends_at_its_moment():
    at = timezone.now()
    _, secret = create_upload_token("laptop", at=at, expires_at=at + timedelta(hours=1))

    assert find_upload_token(secret, at + timedelta(minutes=59)) is not None
    assert find_upload_token(secret, at + timedelta(hours=1)) is None


def test_a_token_of_another_kind_is_refused_without_a_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert find_upload_token(mint_token(TokenKind.INDEX), timezone.now()) is None


def test_the_command_prints_a_token_that_works():
    out = StringIO()

    call_command("make_upload_token", "laptop", stdout=out)

    token = find_upload_token(out.getvalue().strip(), timezone.now())
    assert token is not None
    assert token.name == "laptop"
