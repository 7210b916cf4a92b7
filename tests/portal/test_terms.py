"""The license text: each version stays readable, each purchase remembers its own."""

from django.test import Client

from billing.models import LicenseText, Subscription
from licenses.models import User
from tests.cards import GOOD, OTHER_GOOD
from tests.shop import Buyer, Shop


def page(path: str) -> str:
    response = Client().get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_each_purchase_keeps_the_license_text_it_was_made_under(shop: Shop, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    (tmp_path / "texts").mkdir()
    own = tmp_path / "texts" / "license.md"
    own.write_text("# Ours\n\nThe first text.")
    assert "Nobody has bought under this version yet" in page("/license/")
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    own.write_text("# Ours\n\nThe second text.")
    Buyer(shop, email="two@company.example").buy("pro_monthly", card=OTHER_GOOD)
    shop.settle()

    first, second = [row.cart.terms for row in Subscription.objects.order_by("pk")]

    assert "The first text." in page(f"/license/{first.version}/")
    assert "The second text." in page("/license/")
    assert f'href="/license/{first.version}/"' in page("/license/")
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))
    assert f'href="/license/{first.version}/"' in client.get("/account/").content.decode()
    assert first.text != second.text
    for unknown in ("0" * 12, first.version[:11], first.digest[:13]):
        assert Client().get(f"/license/{unknown}/").status_code == 404


def test_the_same_text_is_one_version_however_often_it_is_bought_under(shop: Shop):
    for number, card in enumerate([GOOD, OTHER_GOOD]):
        Buyer(shop, email=f"b{number}@company.example").buy("pro_monthly", card=card)
    shop.settle()

    assert LicenseText.objects.count() == 1
    assert "agree to the" in page("/pricing/")
