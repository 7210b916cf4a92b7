"""The upload door: who may, and how a refusal is said."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from pkgindex.models import Project, UploadToken
from pkgindex.upload_tokens import revoke_upload_token
from tests.make import make_credential, make_customer
from tests.pkgindex.depot import post_unread
from tests.pkgindex.index_client import basic
from tests.pkgindex.make import make_project, make_upload_token
from tests.pkgindex.uploader import Uploader

pytestmark = pytest.mark.django_db
INVALID = "The upload token is missing, unknown or no longer valid."


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic !!", "Bearer abc", basic(""), basic("wb_up_" + "0" * 36),
     basic("hunter2"), "Basic \xff"],
)  # fmt: skip
def test_without_a_well_formed_token_no_body_is_read_and_no_query_made(
    django_assert_num_queries, header: str | None
):
    environ = {} if header is None else {"HTTP_AUTHORIZATION": header}

    with django_assert_num_queries(0):
        assert post_unread(**environ) == (401, INVALID)


def test_a_revoked_or_expired_token_is_refused_before_the_body_is_read():
    revoked, revoked_key = make_upload_token()
    revoke_upload_token(revoked.pk, at=timezone.now())
    expired, expired_key = make_upload_token()
    UploadToken.objects.filter(pk=expired.pk).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )

    for key in (revoked_key, expired_key):
        assert post_unread(HTTP_AUTHORIZATION=basic(key)) == (401, INVALID)


def test_a_customers_key_uploads_nothing():
    key = make_credential(make_customer())[1]

    assert post_unread(HTTP_AUTHORIZATION=basic(key)) == (401, INVALID)


def test_a_token_for_some_projects_publishes_only_these():
    uploader = Uploader(make_upload_token(make_project("hare"))[1])

    own, other, new = uploader.wheel("hare"), uploader.wheel("harem"), uploader.sdist("next")

    assert own.status == 200, own
    assert (other.status, other.reason) == (403, "The upload token may not publish to 'harem'.")
    assert new.status == 403
    assert Project.objects.count() == 1


def test_a_token_learns_nothing_about_files_of_other_projects(uploader: Uploader):
    uploader.wheel("hare-pro")
    other = Uploader(make_upload_token(make_project("hare"))[1])

    assert other.wheel("hare-pro").status == 403


def test_the_use_of_a_token_is_noted():
    token, key = make_upload_token()

    Uploader(key).wheel()

    token.refresh_from_db()
    assert token.last_used_at is not None


@pytest.mark.parametrize("path", ["/legacy/", "/legacy"])
def test_the_door_has_two_spellings_and_redirects_at_none(uploader: Uploader, path: str):
    response = Client().post(path, headers={"authorization": basic(uploader.token)})

    assert response.status_code == 400


def test_only_post_is_taken():
    response = Client().get("/legacy/")

    assert response.status_code == 405
    assert response["Allow"] == "POST"


UV_ACCEPTS = "application/json;q=0.9, text/plain;q=0.8, text/html;q=0.7"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (UV_ACCEPTS, "application/problem+json"),
        ("application/problem+json", "application/problem+json"),
        ("application/problem+json;q=0.1, text/*", "text/plain; charset=utf-8"),
        ("*/*", "text/plain; charset=utf-8"),  # twine, poetry, pdm
        ("", "text/plain; charset=utf-8"),
        ("image/png", "text/plain; charset=utf-8"),
        (";;,q=x", "text/plain; charset=utf-8"),
        ("application/json;q=0, */*", "text/plain; charset=utf-8"),
        ("application/json;x*=nonsense''y", "text/plain; charset=utf-8"),
    ],
)
def test_a_refusal_is_a_problem_for_whoever_reads_json_and_a_text_for_others(
    uploader: Uploader, accept: str, kind: str
):
    headers = {"authorization": basic(uploader.token), "accept": accept}
    response = Client().post("/legacy/", {":action": "submit"}, headers=headers)

    sentence = "The upload has no file in the field content."
    assert (response.status_code, response.reason_phrase) == (400, sentence)
    assert response["Content-Type"] == kind
    if "problem" in kind:
        assert response.json() == {
            "type": "http://testserver/legacy/#refused",
            "title": "Upload refused",
            "status": 400,
            "detail": sentence,
        }
    else:
        assert response.content.decode() == f"{sentence}\n"


@pytest.mark.parametrize("token", ["", "wb_up_wrong"])
def test_a_token_that_opens_nothing_is_a_problem_too(token: str):
    headers = {"accept": UV_ACCEPTS} | ({"authorization": basic(token)} if token else {})

    response = Client().post("/legacy/", headers=headers)

    assert response.status_code == response.json()["status"] == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"].startswith("Basic")
