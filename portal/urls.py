from django.urls import path

from portal import account, buying, pages, subscriptions

app_name = "portal"
urlpatterns = [
    path("", pages.pricing, name="home"),
    path("pricing/", pages.pricing, name="pricing"),
    path("checkout/", buying.checkout, name="checkout"),
    path("welcome/", buying.welcome, name="welcome"),
    path("account/", account.account, name="account"),
    path("account/keys/", account.create_key, name="create_key"),
    path("account/keys/<int:credential_id>/revoke/", account.revoke_key, name="revoke_key"),
    path("account/licenses/<int:license_id>/document/", account.document, name="document"),
    path(
        "account/subscriptions/<int:subscription_id>/refund/", subscriptions.refund, name="refund"
    ),
    path("healthz", pages.healthz, name="healthz"),
]
