"""What happens at Stripe in a random walk: the owner's Dashboard, the banks, other cards."""

from contextlib import suppress
from urllib.parse import parse_qsl, urlencode

from django.core.management import CommandError, call_command
from hypothesis.stateful import RuleBasedStateMachine, precondition

from billing.models import Price, Subscription
from billing.price_moves import NoMove, announce_move
from tests.flows.books import Json
from tests.flows.walks_steps import step
from tests.shop import Shop

WHICH = range(6)
CODES = {"FIFTH": "percent_off=20&duration=forever", "FREE": "percent_off=100&duration=forever"}
CODES |= {"FIRST": "percent_off=100&duration=once"}
COLLECTION = ["[behavior]=void", "[behavior]=keep_as_draft", "[behavior]=mark_uncollectible", "="]


class Quiet:
    def write(self, text: str) -> None:
        """Drop it."""


class AtStripe(RuleBasedStateMachine):
    """Rules that go past the shop, which hears of them later, or never."""

    shop: Shop
    deleted = archived = risen = 0

    def make_codes(self) -> None:
        for code, terms in CODES.items():
            coupon = self.shop.ask_stripe("POST", "/v1/coupons", terms)["id"]
            form = f"code={code}&promotion[type]=coupon&promotion[coupon]={coupon}"
            self.shop.ask_stripe("POST", "/v1/promotion_codes", form)

    @step(2, which=WHICH, form=["cancel_at_period_end=true", "quantity", ""])
    def edited_at_stripe(self, which: int, form: str) -> None:
        if row := self.one_of("/v1/subscriptions", which):
            path = f"/v1/subscriptions/{row['id']}"
            item = row["items"]["data"][0]
            if form == "quantity":
                form = f"items[0][id]={item['id']}&items[0][quantity]={item['quantity'] + 1}"
            self.tries("POST" if form else "DELETE", path, form)  # a schedule may hold it

    @step(4, which=WHICH, how=[*COLLECTION, "="])
    def collection_stops_or_goes_on(self, which: int, how: str) -> None:
        if row := self.one_of("/v1/subscriptions", which):
            self.tries("POST", f"/v1/subscriptions/{row['id']}", f"pause_collection{how}")

    @step(3, which=WHICH, how=["void", "mark_uncollectible"])
    def an_invoice_is_written_off(self, which: int, how: str) -> None:
        if row := self.one_of("/v1/invoices", which, status="open"):
            self.tries("POST", f"/v1/invoices/{row['id']}/{how}")

    @step(4, which=WHICH, status=["open", "open", "uncollectible", "draft"])
    def an_invoice_is_paid_with_another_card(self, which: int, status: str) -> None:
        """In time, after the grace, or after the end of its subscription."""
        if row := self.one_of("/v1/invoices", which, status=status):
            path = "/v1/payment_methods/pm_card_visa/attach"
            if card := self.tries("POST", path, f"customer={row['customer']}"):
                form = f"payment_method={card['id']}"
                self.tries("POST", f"/v1/invoices/{row['id']}/pay", form)

    @precondition(lambda self: self.deleted < 2)
    @step(which=WHICH)
    def a_customer_is_deleted(self, which: int) -> None:
        self.deleted += 1
        if row := self.one_of("/v1/customers", which):
            self.tries("DELETE", f"/v1/customers/{row['id']}")

    @precondition(lambda self: self.archived < 4)
    @step(which=WHICH, active=["true", "false", "false"])
    def a_price_is_archived_or_comes_back(self, which: int, active: str) -> None:
        self.archived += 1
        if row := self.one_of("/v1/prices", which):
            self.tries("POST", f"/v1/prices/{row['id']}", f"active={active}")

    @precondition(lambda self: self.risen < 2)
    @step()
    def all_prices_rise_and_move(self) -> None:
        """The owner's act in the admin, not at Stripe; the worker carries it there."""
        self.risen += 1
        for price in Price.objects.filter(lookup_key__startswith="pro_"):
            dearer = (price.unit_amount_cents or 0) + 1000
            Price.objects.filter(pk=price.pk).update(unit_amount_cents=dearer, is_on_sale=True)
        with suppress(CommandError):  # Stripe does not answer
            call_command("sync_catalog", stdout=Quiet())
        for pk in Subscription.objects.values_list("pk", flat=True):
            with suppress(NoMove):
                announce_move(pk, at=self.shop.advance(seconds=1))

    @step(2, which=WHICH, amount=["", "&amount=500"])
    def refunded_at_stripe(self, which: int, amount: str) -> None:
        if row := self.one_of("/v1/charges", which):  # refunded, disputed, or never paid perhaps
            self.tries("POST", "/v1/refunds", f"payment_intent={row['payment_intent']}{amount}")

    @step(2, which=WHICH, outcome=[None, "won", "lost"])
    def disputed(self, which: int, outcome: str | None) -> None:
        if row := self.one_of("/v1/charges", which):
            with suppress(AssertionError):  # disputed already
                asked = {"payment_intent": row["payment_intent"]}
                dispute = self.shop.standin.control("POST", "disputes", asked)
                if outcome:
                    path = f"disputes/{dispute['id']}"
                    self.shop.standin.control("POST", path, {"outcome": outcome})

    @step(which=WHICH, outcome=["won", "lost"])
    def a_bank_decides(self, which: int, outcome: str) -> None:
        if row := self.one_of("/v1/disputes", which):
            with suppress(AssertionError):  # it has decided
                path = f"disputes/{row['id']}"
                self.shop.standin.control("POST", path, {"outcome": outcome})

    def one_of(self, path: str, which: int, **fields: str) -> Json:
        """One object of a list, newest first; {} where there is none."""
        rows = self.all_of(path, **fields)
        return rows[which % len(rows)] if rows else {}

    def all_of(self, path: str, **fields: str) -> list[Json]:
        """The newest hundred."""
        return list(self.tries("GET", path, urlencode({"limit": 100, **fields}))["data"])

    def tries(self, method: str, path: str, form: str = "") -> Json:
        """In the Dashboard, where no fault strikes; {} if Stripe refuses: it is done, has ended."""
        asked = {"method": method, "path": path, "params": dict(parse_qsl(form, True))}
        answer: Json = self.shop.standin.control("POST", "dashboard", asked)
        return dict(answer["body"]) if answer["status"] == 200 else {}
