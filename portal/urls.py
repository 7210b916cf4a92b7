from django.urls import include, path

from portal import account, buying, changing, pages, subscriptions

app_name = "portal"
urlpatterns = [
    path("", pages.pricing, name="home"),
    path("pricing/", pages.pricing, name="pricing"),
    path("checkout/", buying.checkout, name="checkout"),
    path("welcome/", buying.welcome, name="welcome"),
    path("account/", account.account, name="account"),
    path("account/keys/", account.create_key, name="create_key"),
    path("account/keys/<int:credential_id>/revoke/", account.revoke_key, name="revoke_key"),
    path("account/keys/<int:credential_id>/rotate/", account.rotate_key, name="rotate_key"),
    path("account/licenses/<int:license_id>/document/", account.document, name="document"),
    path(
        "account/subscriptions/<int:subscription_id>/refund/", subscriptions.refund, name="refund"
    ),
    path("", include("portal.ticket_urls")),
    path("account/subscriptions/<int:subscription_id>/change/", changing.change, name="change"),
    path("account/subscriptions/<int:subscription_id>/keep/", changing.keep, name="keep"),
    path("account/subscriptions/<int:subscription_id>/cancel/", changing.cancel, name="cancel"),
    path("account/subscriptions/<int:subscription_id>/resume/", changing.resume, name="resume"),
    path("account/subscriptions/<int:subscription_id>/billing/", changing.billing, name="billing"),
    path("healthz", pages.healthz, name="healthz"),
]
