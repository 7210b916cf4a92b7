"""Every URL of Django's URLconf and of the index, asked by eight identities.

The rows below are the rule. A URL without a row fails the test, so nobody adds a door without
saying who may come in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from billing.models import Cart, Offer, Payment, Price, StripeCustomer, Subscription
from lib.tokens import TokenKind, mint_token
from licenses.credentials import revoke_credential
from licenses.models import Credential, Customer, License, User
from licenses.status import lapse_license, revoke_license
from pkgindex.index import ROUTES
from support.models import Attachment, InboundMail, Message, Ticket
from tests.flows.browserless import Visitor
from tests.flows.owners import make_owner, session_of
from tests.make import make_credential, make_customer, make_license, make_tier
from tests.pkgindex.make import add_provenance, make_file, make_project, make_release
from tests.support.desk import make_conversation

pytestmark = pytest.mark.django_db
ANONYMOUS, WRONG, REVOKED_KEY, REVOKED, LAPSED, OTHER, OTHER_TIER, WEAK_OWNER, OWNER, HOLDER = (
    "anonymous",
    "wrong key",
    "revoked key",
    "revoked license",
    "lapsed license",
    "other customer",
    "other tier",
    "owner without second factor",
    "owner",
    "holder",
)
IDENTITIES = (
    ANONYMOUS, WRONG, REVOKED_KEY, REVOKED, LAPSED, OTHER, OTHER_TIER, WEAK_OWNER, OWNER, HOLDER,
)  # fmt: skip
SIGNED_IN = {REVOKED, LAPSED, OTHER, OTHER_TIER, WEAK_OWNER, OWNER, HOLDER}


def everybody(status: int) -> dict[str, int]:
    return dict.fromkeys(IDENTITIES, status)


def signed_in(status: int, *, others: int = 302) -> dict[str, int]:
    return {name: status if name in SIGNED_IN else others for name in IDENTITIES}


def only(name: str, status: int, *, signed: int, others: int = 302) -> dict[str, int]:
    return {**signed_in(signed, others=others), name: status}


# What each identity gets for (method, URL pattern). 302 without a session leads to the sign-in.
PAGES: dict[tuple[str, str], dict[str, int]] = {
    ("GET", ""): everybody(200),
    ("GET", "pricing/"): everybody(200),
    ("GET", "healthz"): everybody(200),
    ("GET", "buying/"): everybody(200),
    ("GET", "buying/files/<str:name>"): everybody(404),  # the owner put none there
    ("POST", "quote/"): everybody(302),  # an empty form: back to the prices
    ("GET", "quote/<str:token>/"): everybody(404),  # not signed by us
    ("GET", "products/<slug:slug>/changelog/"): everybody(200),
    ("GET", "products/<slug:slug>/changelog.atom"): everybody(200),
    ("POST", "products/<slug:slug>/news/"): everybody(302),  # to sign in, or back to the page
    ("GET", "license/"): everybody(200),
    ("GET", "status.json"): everybody(200),
    ("GET", "products/<slug:slug>/"): everybody(200),
    ("GET", "license/<slug:version>/"): everybody(404),  # nobody bought under it
    ("GET", "news/stop/<str:token>/"): everybody(404),  # a forged link
    ("GET", "diagnose/"): everybody(200),
    ("GET", "accent/<str:color>.css"): everybody(404),  # no colour is set
    ("POST", "checkout/"): everybody(302),  # an empty form: back to the prices
    ("GET", "welcome/"): {**everybody(404), HOLDER: 200},
    ("GET", "account/"): signed_in(200),
    ("POST", "account/keys/"): signed_in(302),  # an empty form: back to the account
    ("POST", "account/keys/<int:credential_id>/revoke/"): only(HOLDER, 302, signed=404),
    ("POST", "account/keys/<int:credential_id>/rotate/"): only(HOLDER, 302, signed=404),
    ("GET", "account/licenses/<int:license_id>/document/"): only(HOLDER, 200, signed=404),
    ("GET", "account/licenses/<int:license_id>/threads/"): only(HOLDER, 200, signed=404),
    ("GET", "account/licenses/<int:license_id>/threads.csv"): only(HOLDER, 200, signed=404),
    ("GET", "account/licenses/<int:license_id>/threads.json"): only(HOLDER, 200, signed=404),
    # It names no lease: back to the page.
    ("POST", "account/licenses/<int:license_id>/threads/release/"): only(HOLDER, 302, signed=404),
    ("GET", "account/subscriptions/<int:subscription_id>/refund/"): only(HOLDER, 200, signed=404),
    ("GET", "account/subscriptions/<int:subscription_id>/change/"): only(HOLDER, 200, signed=404),
    # 302: Stripe is away in this test; the account says so.
    ("POST", "account/subscriptions/<int:subscription_id>/keep/"): only(HOLDER, 302, signed=404),
    ("POST", "account/subscriptions/<int:subscription_id>/cancel/"): only(HOLDER, 302, signed=404),
    ("POST", "account/subscriptions/<int:subscription_id>/resume/"): only(HOLDER, 302, signed=404),
    ("POST", "account/subscriptions/<int:subscription_id>/check/"): only(HOLDER, 302, signed=404),
    ("POST", "account/subscriptions/<int:subscription_id>/billing/"): only(HOLDER, 302, signed=404),
    ("GET", "account/<int:customer_id>/receipts/"): only(HOLDER, 200, signed=404),
    ("GET", "account/<int:customer_id>/receipts/<int:payment_id>/"): only(HOLDER, 200, signed=404),
    ("GET", "account/<int:customer_id>/receipts/<int:year>.zip"): only(HOLDER, 200, signed=404),
    ("GET", "account/<int:customer_id>/people/"): only(HOLDER, 200, signed=404),
    ("POST", "account/<int:customer_id>/people/<int:contact_id>/"): only(HOLDER, 403, signed=404),
    ("GET", "account/<int:customer_id>/usage/"): only(HOLDER, 200, signed=404),
    ("GET", "account/<int:customer_id>/export/"): only(HOLDER, 200, signed=404),
    ("GET", "account/<int:customer_id>/close/"): only(HOLDER, 200, signed=404),
    ("GET", "account/address/"): signed_in(200),
    ("GET", "account/address/confirm/"): everybody(302),  # no code was asked for
    ("GET", "account/address/undo/<str:token>/"): everybody(410),  # a forged link
    ("POST", "stripe/webhook/"): everybody(400),  # unsigned
    ("POST", "anymail/<slug:esp>/inbound/"): everybody(404),  # no secret: switched off
    ("POST", "anymail/mailgun/inbound_mime/"): everybody(404),
    ("POST", "anymail/<slug:esp>/tracking/"): everybody(404),
    ("GET", "account/tickets/"): signed_in(200),
    ("GET", "account/tickets/export/"): signed_in(200),
    ("GET", "account/tickets/<int:ticket_id>/"): only(HOLDER, 200, signed=404),
    ("POST", "account/tickets/<int:ticket_id>/answer/"): only(HOLDER, 302, signed=404),
    ("GET", "account/tickets/files/<int:attachment_id>/"): only(HOLDER, 200, signed=404),
    ("GET", "account/tickets/files/<int:attachment_id>/<slug:token>/"): everybody(404),  # forged
    ("GET", "owner/tickets/"): only(OWNER, 200, signed=302),
    ("GET", "owner/tickets/new/"): only(OWNER, 200, signed=302),
    ("POST", "owner/tickets/new/"): only(OWNER, 422, signed=302),  # nothing was written
    ("GET", "owner/tickets/inbox/"): only(OWNER, 200, signed=302),
    ("GET", "owner/tickets/inbox/<int:mail_id>/raw/"): only(OWNER, 200, signed=302),
    ("GET", "owner/tickets/inbox/<int:mail_id>/"): only(OWNER, 200, signed=302),
    ("POST", "owner/tickets/inbox/<int:mail_id>/adopt/"): everybody(302),
    ("POST", "owner/tickets/inbox/<int:mail_id>/append/"): everybody(302),  # it names no ticket
    ("POST", "owner/tickets/inbox/put-away/"): everybody(302),
    ("POST", "owner/tickets/messages/<int:message_id>/split/"): everybody(302),  # the first words
    ("GET", "owner/tickets/files/<int:attachment_id>/"): only(OWNER, 200, signed=302),
    ("GET", "owner/tickets/<int:ticket_id>/"): only(OWNER, 200, signed=302),
    ("POST", "owner/tickets/<int:ticket_id>/answer/"): everybody(302),  # no deed
    ("POST", "owner/tickets/<int:ticket_id>/facts/"): only(OWNER, 200, signed=302),
    ("POST", "owner/tickets/<int:ticket_id>/merge/"): everybody(302),
    ("GET", "owner/tickets/<int:ticket_id>/public/"): only(OWNER, 200, signed=302),
    ("GET", "_/oidc/audience"): everybody(200),
    ("POST", "_/oidc/mint-token"): everybody(422),  # no identity
    ("POST", "_/oidc/burn-token"): everybody(422),  # no token
    ("GET", "owner/business/"): only(OWNER, 200, signed=302),
    ("GET", "owner/business/arr/"): only(OWNER, 200, signed=302),
    ("GET", "owner/business/cash/"): only(OWNER, 200, signed=302),
    ("GET", "owner/business/offers/"): only(OWNER, 200, signed=302),
    ("GET", "owner/business/offers/<int:offer_id>/"): only(OWNER, 200, signed=302),
    ("GET", "owner/business/support/"): only(OWNER, 200, signed=302),
    ("GET", "owner/business/customers/"): only(OWNER, 200, signed=302),
    ("GET", "owner/catalog/"): only(OWNER, 200, signed=302),
    ("POST", "owner/catalog/publish"): only(OWNER, 302, signed=302),  # asks for the factor anew
    ("GET", "owner/catalog/products/<int:product_id>/close/"): only(OWNER, 200, signed=302),
    ("GET", "owner/catalog/prices/<int:price_id>/move/"): only(OWNER, 200, signed=302),
    ("GET", "owner/business/open.csv"): only(OWNER, 200, signed=302),
    ("GET", "owner/business/renewals/"): only(OWNER, 200, signed=302),
    ("GET", "owner/business/deferred/"): only(OWNER, 200, signed=302),
    ("GET", "owner/business/installs/"): only(OWNER, 200, signed=302),
    ("GET", "owner/business/recomputed/"): only(OWNER, 200, signed=302),
    ("GET", "owner/business/moved/<int:year>-<int:month>/"): only(OWNER, 200, signed=302),
    ("GET", "owner/business/<int:year>-<int:month>.csv"): only(OWNER, 200, signed=302),
    ("GET", "owner/customers/<int:customer_id>/view/"): only(OWNER, 200, signed=302),
    # The owner is asked for his second factor anew.
    ("POST", "owner/customers/<int:customer_id>/export/"): everybody(302),
    # A lease credential alone opens these; tests/licenses/test_api.py goes on from there.
    ("PUT", "v1/leases/<uuid:iid>"): everybody(401),
    ("POST", "v1/leases:batch"): everybody(401),
    ("POST", "v1/leases/<uuid:iid>:release"): everybody(401),
    ("GET", "v1/license"): everybody(401),
    ("GET", "v1/usage"): everybody(401),
    ("GET", "v1/keys"): everybody(200),
    ("POST", "v1/leaks/github"): everybody(400),  # unsigned
    ("GET", "account/login/"): signed_in(302, others=200),
    ("GET", "account/login/code/"): signed_in(302, others=200),
    ("GET", "account/login/code/confirm/"): everybody(302),
    ("GET", "account/logout/"): signed_in(200),
    ("GET", "account/inactive/"): everybody(200),
    ("GET", "account/signup/"): signed_in(302, others=200),
    # 403: a mailed code cannot be asked for again here, and those have nothing else.
    ("GET", "account/reauthenticate/"): {**signed_in(403), OWNER: 302},
    ("GET", "account/2fa/"): signed_in(200),
    ("GET", "account/2fa/authenticate/"): everybody(302),
    ("GET", "account/2fa/reauthenticate/"): {**signed_in(403), OWNER: 200},
    ("GET", "account/2fa/totp/activate/"): {**signed_in(200), OWNER: 302},
    ("GET", "account/2fa/totp/deactivate/"): {**signed_in(404), OWNER: 302},
    ("GET", "account/2fa/recovery-codes/"): {**signed_in(404), OWNER: 404},
    ("GET", "account/2fa/recovery-codes/generate/"): {**signed_in(200), OWNER: 302},
    ("GET", "account/2fa/recovery-codes/download/"): {**signed_in(404), OWNER: 404},
}
# What each identity gets of the index: page of a private project, its file, that file's metadata.
REFUSED = {ANONYMOUS: 401, WEAK_OWNER: 401, OWNER: 401, WRONG: 401, REVOKED_KEY: 401}
FILE = {**REFUSED, REVOKED: 402, LAPSED: 402, OTHER: 402, OTHER_TIER: 402, HOLDER: 200}
PAGE = {**FILE, REVOKED: 200, LAPSED: 200, OTHER: 200, OTHER_TIER: 200}
ROOT = {**everybody(200), WRONG: 401, REVOKED_KEY: 401}
INDEX = {
    "/simple/": ROOT,
    "/simple/<project>/": PAGE,
    "/pypi/<project>/json": PAGE,
    "/files/<digest>/<filename>": FILE,
    "/files/<digest>/<filename>.metadata": FILE,
    "/files/<digest>/<hint>/<filename>": FILE,
    "/integrity/<project>/<version>/<filename>/provenance": FILE,
}


@dataclass
class World:
    visitors: dict[str, Visitor]
    credential: Credential
    license: License
    cart: Cart
    file_path: str

    def path_of(self, pattern: str) -> str:
        filled = pattern.replace("<int:credential_id>", str(self.credential.pk))
        filled = filled.replace("<int:license_id>", str(self.license.pk))
        filled = filled.replace("<uuid:iid>", "8b27d3a0-1111-4222-8333-444455556666")
        filled = filled.replace("<int:customer_id>", str(self.license.customer_id))
        filled = (
            filled.replace("<int:contact_id>", str(self.license.customer.contacts.get().pk))
            .replace("<str:token>", "1:forged")
            .replace("<slug:token>", "forged")
        )
        filled = filled.replace("<int:payment_id>", str(Payment.objects.get().pk))
        filled = filled.replace("<int:year>", str(Payment.objects.get().paid_at.year))
        filled = filled.replace("<int:subscription_id>", str(Subscription.objects.get().pk))
        filled = filled.replace("<int:ticket_id>", str(Ticket.objects.get().pk))
        filled = filled.replace("<int:attachment_id>", str(Attachment.objects.get().pk))
        filled = filled.replace("<int:message_id>", str(Message.objects.get(kind="customer").pk))
        filled = filled.replace("<int:mail_id>", str(InboundMail.objects.get().pk))
        filled = filled.replace("<slug:esp>", "postmark").replace("<slug:slug>", "hare")
        filled = filled.replace("<slug:version>", "0" * 12)
        filled = filled.replace("<int:month>", "11")
        filled = filled.replace("<int:offer_id>", str(Offer.objects.get().pk))
        filled = filled.replace("<int:product_id>", str(self.license.tier.product_id))
        filled = filled.replace("<int:price_id>", str(Price.objects.earliest("pk").pk))
        filled = filled.replace("<str:color>", "14633c")
        filled = filled.replace("<str:name>", "w9.pdf")
        if pattern == "welcome/":
            filled += f"?session_id={self.cart.stripe_session_id}"
        return "/" + filled

    def index_path_of(self, route: str) -> str:
        return {
            "/simple/": "/simple/",
            "/simple/<project>/": "/simple/hare-ent/",
            "/pypi/<project>/json": "/pypi/hare-ent/json",
            "/files/<digest>/<filename>": self.file_path,
            "/files/<digest>/<filename>.metadata": f"{self.file_path}.metadata",
            "/files/<digest>/<hint>/<filename>": self.file_path.replace(
                "/hare_ent", "/ended/hare_ent"
            ),
            "/integrity/<project>/<version>/<filename>/provenance": (
                f"/integrity/hare-ent/1.0/{self.file_path.rpartition('/')[2]}/provenance"
            ),
        }[route]


@pytest.fixture
def world(root_key: Any) -> World:
    """A private project of Enterprise, and somebody of each kind."""
    enterprise, pro = make_tier("enterprise"), make_tier("pro")
    project = make_project("hare-ent", tiers=[enterprise])
    file = make_file(make_release(project, "1.0"))
    add_provenance(file)
    holder = make_customer()
    license = make_license(customer=holder, tier=enterprise)
    credential, key = make_credential(holder)
    long_ago = timezone.now() - timedelta(days=90)
    revoked = make_license(tier=enterprise)
    revoke_license(revoked.pk, at=timezone.now(), reason="test")
    lapsed = make_license(tier=enterprise, paid_through=long_ago)
    lapse_license(lapsed.pk, at=timezone.now(), reason="test")
    old, old_key = make_credential(holder, "old")
    revoke_credential(old.pk, at=timezone.now())
    make_conversation(holder)
    return World(
        visitors={
            ANONYMOUS: Visitor(),
            WRONG: Visitor(key=mint_token(TokenKind.INDEX)),
            REVOKED_KEY: Visitor(key=old_key),
            REVOKED: of(revoked.customer),
            LAPSED: of(lapsed.customer),
            OTHER: of(make_customer()),
            OTHER_TIER: of(make_license(tier=pro).customer),
            WEAK_OWNER: Visitor(session=session_of(make_owner("weak@shop.example"), mfa=False)),
            OWNER: Visitor(session=session_of(make_owner("owner@shop.example"), mfa=True)),
            HOLDER: Visitor(session=session_of(user_of(holder)), key=key),
        },
        credential=credential,
        license=license,
        cart=make_cart(enterprise.pk, holder),
        file_path=f"/files/{file.sha256[:16]}/{file.filename}",
    )


def of(customer: Customer) -> Visitor:
    return Visitor(session=session_of(user_of(customer)), key=make_credential(customer)[1])


def user_of(customer: Customer) -> User:
    user = customer.contacts.get().user
    assert user is not None
    return user


def make_cart(tier_id: int, customer: Customer) -> Cart:
    """Bought by the holder, and open still, so that its page needs no Stripe."""
    price = Price.objects.create(
        tier_id=tier_id, lookup_key="ent", interval="month", unit_amount_cents=100
    )
    StripeCustomer.objects.create(customer=customer, stripe_id="cus_matrix")
    cart = Cart.objects.create(
        click="c" * 64, price=price, customer=customer, credential_digest="d" * 64,
        credential_hint="hint", stripe_session_id="cs_test_matrix",
    )  # fmt: skip
    subscription = Subscription.objects.create(
        stripe_id="sub_matrix", customer=customer, cart=cart, status="active", price=price,
        license=customer.licenses.get(), quantity=1, current_period_end=timezone.now(),
        created_at=timezone.now(),
    )  # fmt: skip
    Payment.objects.create(
        stripe_id="pi_matrix", invoice_id="in_matrix", subscription=subscription,
        amount_cents=100, currency="usd", paid_at=timezone.now(),
    )  # fmt: skip
    Offer.objects.create(name="Autumn", price=price, starts_on="2026-09-01", ends_on="2026-09-30")
    return cart


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield path
        else:
            yield from patterns(entry, path)


def all_patterns() -> set[str]:
    return set(patterns(get_resolver()))


def test_every_url_has_a_row():
    rows = {pattern for _, pattern in PAGES}

    unruled = {p for p in all_patterns() - rows if not p.startswith(("owner/", "^legacy"))}

    assert unruled == set(), "say in PAGES who may open these"
    assert set(ROUTES) == set(INDEX)


def test_every_row_is_a_url():
    assert {pattern for _, pattern in PAGES} - all_patterns() == set()


@pytest.mark.parametrize("identity", IDENTITIES)
def test_the_pages_answer_as_the_rows_say(world: World, identity: str):
    visitor = world.visitors[identity]

    answers = {
        (method, pattern): visitor.ask(method, world.path_of(pattern)).status
        for method, pattern in PAGES
        if pattern != "account/keys/<int:credential_id>/revoke/"
    }

    assert answers == {row: PAGES[row][identity] for row in answers}


@pytest.mark.parametrize("identity", IDENTITIES)
def test_nobody_but_its_holder_revokes_a_key(world: World, identity: str):
    row = ("POST", "account/keys/<int:credential_id>/revoke/")

    reply = world.visitors[identity].ask("POST", world.path_of(row[1]))

    world.credential.refresh_from_db()
    assert reply.status == PAGES[row][identity]
    assert (world.credential.revoked_at is not None) == (identity == HOLDER)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("identity", IDENTITIES)
def test_the_index_answers_as_the_rows_say(world: World, identity: str, method: str):
    visitor = world.visitors[identity]

    answers = {route: visitor.ask(method, world.index_path_of(route)).status for route in ROUTES}

    assert answers == {route: INDEX[route][identity] for route in ROUTES}


@pytest.mark.parametrize("identity", IDENTITIES)
def test_nobody_uploads_without_an_upload_token(world: World, identity: str):
    for path in ("/legacy/", "/legacy"):
        reply = world.visitors[identity].ask("POST", path, {":action": "file_upload"})
        assert reply.status in {401, 403}, (path, reply.status)


@pytest.mark.parametrize("identity", [name for name in IDENTITIES if name != OWNER])
def test_nobody_enters_the_admin_but_the_owner_with_his_second_factor(world: World, identity: str):
    visitor = world.visitors[identity]

    for path in admin_paths(world):
        reply = visitor.ask("GET", path)
        assert reply.status in {302, 301, 404}, (path, reply.status)
        if reply.status == 302:
            target = reply.headers["Location"]
            assert target.startswith(("/account/", "/owner/login/")) or target == "/owner/"


def test_the_owner_opens_every_list_of_the_admin(world: World):
    lists = [path for path in admin_paths(world) if path.count("/") == 4]

    statuses = {path: world.visitors[OWNER].ask("GET", path).status for path in lists}

    assert len(lists) > 10
    assert set(statuses.values()) == {200}, statuses


def test_an_owner_without_a_second_factor_is_sent_to_enrol_one(world: World):
    reply = world.visitors[WEAK_OWNER].ask("GET", "/owner/login/")

    assert reply.status == 302
    assert reply.headers["Location"] == "/account/2fa/totp/activate/"


def admin_paths(world: World) -> list[str]:
    owned = [p for p in all_patterns() if p.startswith("owner/") and "(?P" not in p]
    numbered = [p.replace("<path:object_id>", "1").replace("<id>", "1") for p in owned]
    numbered = [p.replace("<int:content_type_id>/<path:object_id>", "1/1") for p in numbered]
    return ["/" + p for p in numbered if "<" not in p]
