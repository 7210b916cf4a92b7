"""Promotion codes, and the press of the guarantee's button."""

from django.test import Client

from billing.models import Subscription
from licenses.models import User
from tests.shop import Shop


def press_refund(email: str = "dev@company.example") -> int:
    client = Client()
    client.force_login(User.objects.get(email=email))
    subscription = Subscription.objects.latest("pk")
    return client.post(f"/account/subscriptions/{subscription.pk}/refund/").status_code


def make_code(shop: Shop, code: str, percent: int, duration: str = "forever") -> None:
    coupon = shop.ask_stripe("POST", "/v1/coupons", f"percent_off={percent}&duration={duration}")
    shop.ask_stripe(
        "POST",
        "/v1/promotion_codes",
        f"code={code}&promotion[type]=coupon&promotion[coupon]={coupon['id']}",
    )
