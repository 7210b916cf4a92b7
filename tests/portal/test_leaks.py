"""A token that publishes, found in public: as dead as a customer's key, and the owner is needed."""

import pytest
from django.utils import timezone

from billing.models import OwnerNotice
from lib.tokens import TokenKind, mint_token
from pkgindex.models import UploadToken
from pkgindex.upload_tokens import create_upload_token, find_upload_token
from tests.licenses.test_leaks import URL, _keys, report
from tests.make import make_credential, make_customer

__all__ = ["_keys"]
pytestmark = pytest.mark.django_db


def test_a_leaked_upload_token_publishes_nothing_more_and_the_owner_is_told_where_it_was():
    token, secret = create_upload_token("laptop", at=timezone.now())

    labels = [report(secret).json()[0]["label"] for _ in range(2)]

    assert labels == ["true_positive"] * 2
    assert find_upload_token(secret, timezone.now()) is None
    notice = OwnerNotice.objects.get()
    assert notice.needs_him
    for said in ("laptop", token.hint, URL, "Look at what was published"):
        assert said in notice.text


def test_one_report_may_name_keys_of_all_kinds():
    key, token = (
        make_credential(make_customer())[1],
        create_upload_token("ci", at=timezone.now())[1],
    )
    unknown = [mint_token(TokenKind.UPLOAD), "ghp_something"]

    said = report(key, token, *unknown).json()

    assert [one["label"] for one in said] == [
        "true_positive", "true_positive", "false_positive", "false_positive",
    ]  # fmt: skip


def test_a_forged_report_ends_no_upload_token():
    secret = create_upload_token("laptop", at=timezone.now())[1]

    assert report(secret, signature="AAAA").status_code == 400

    assert UploadToken.objects.get().revoked_at is None
    assert not OwnerNotice.objects.exists()
