from django.conf import settings
from django.urls import include, path

from portal import (
    accent,
    account,
    address,
    bookings,
    buying,
    catalog,
    changelog,
    changing,
    dashboard,
    dashboard_rows,
    diagnosing,
    keys,
    leaving,
    pages,
    people,
    questions,
    quoting,
    receipts,
    subscriptions,
    usage,
    viewing,
)

app_name = "portal"
CUSTOMER = "account/<int:customer_id>"
AS_CUSTOMER = f"{settings.ADMIN_PATH}/customers/<int:customer_id>"
CATALOG = f"{settings.ADMIN_PATH}/catalog"
DASHBOARD = f"{settings.ADMIN_PATH}/business"
urlpatterns = [
    path("", pages.pricing, name="home"),
    path("pricing/", pages.pricing, name="pricing"),
    path("buying/", questions.buying, name="buying"),
    path("buying/files/<str:name>", questions.buying_file, name="buying_file"),
    path("quote/", quoting.make_quote, name="make_quote"),
    path("quote/<str:token>/", quoting.quote, name="quote"),
    path("products/<slug:slug>/changelog/", changelog.changelog, name="changelog"),
    path("products/<slug:slug>/changelog.atom", changelog.changelog_feed, name="changelog_feed"),
    path("accent/<str:color>.css", accent.accent, name="accent"),
    path("diagnose/", diagnosing.diagnose, name="diagnose"),
    path("checkout/", buying.checkout, name="checkout"),
    path("welcome/", buying.welcome, name="welcome"),
    path("account/", account.account, name="account"),
    path("account/keys/", keys.create_key, name="create_key"),
    path("account/keys/<int:credential_id>/revoke/", keys.revoke_key, name="revoke_key"),
    path("account/keys/<int:credential_id>/rotate/", keys.rotate_key, name="rotate_key"),
    path(f"{CUSTOMER}/receipts/", receipts.receipts, name="receipts"),
    path(f"{CUSTOMER}/receipts/<int:payment_id>/", receipts.receipt, name="receipt"),
    path(f"{CUSTOMER}/receipts/<int:year>.zip", receipts.receipts_of_year, name="receipts_of_year"),
    path(f"{CUSTOMER}/people/", people.people, name="people"),
    path(f"{CUSTOMER}/people/<int:contact_id>/", people.person, name="person"),
    path(f"{CUSTOMER}/usage/", usage.usage, name="usage"),
    path(f"{CUSTOMER}/export/", leaving.export, name="export"),
    path(f"{CUSTOMER}/close/", leaving.close, name="close"),
    path("account/address/", address.address, name="address"),
    path("account/address/confirm/", address.confirm_address, name="confirm_address"),
    path("account/address/undo/<str:token>/", address.undo_address, name="undo_address"),
    path("account/licenses/<int:license_id>/document/", account.document, name="document"),
    path(
        "account/subscriptions/<int:subscription_id>/refund/", subscriptions.refund, name="refund"
    ),
    path("", include("portal.ticket_urls")),
    path(f"{DASHBOARD}/", dashboard.dashboard, name="dashboard"),
    path(f"{DASHBOARD}/arr/", dashboard_rows.arr_rows, name="dashboard_arr"),
    path(f"{DASHBOARD}/renewals/", dashboard_rows.renewal_rows, name="renewal_rows"),
    path(f"{DASHBOARD}/deferred/", dashboard_rows.deferred_rows, name="deferred_rows"),
    path(f"{DASHBOARD}/installs/", dashboard_rows.install_rows, name="install_rows"),
    path(f"{DASHBOARD}/recomputed/", dashboard_rows.recomputed_rows, name="recomputed_rows"),
    path(
        f"{DASHBOARD}/moved/<int:year>-<int:month>/",
        dashboard_rows.movement_rows,
        name="movement_rows",
    ),
    path(f"{DASHBOARD}/open.csv", bookings.open_csv, name="open_csv"),
    path(f"{DASHBOARD}/<int:year>-<int:month>.csv", bookings.month_csv, name="month_csv"),
    path(f"{CATALOG}/", catalog.catalog, name="catalog"),
    path(f"{CATALOG}/publish/", catalog.publish_catalog, name="publish_catalog"),
    path(
        f"{CATALOG}/products/<int:product_id>/close/", catalog.close_product, name="close_product"
    ),
    path(f"{CATALOG}/prices/<int:price_id>/move/", catalog.move_price, name="move_price"),
    path(f"{AS_CUSTOMER}/view/", viewing.view_as, name="view_as"),
    path(f"{AS_CUSTOMER}/export/", viewing.export_for_owner, name="export_customer"),
    path("account/subscriptions/<int:subscription_id>/change/", changing.change, name="change"),
    path("account/subscriptions/<int:subscription_id>/keep/", changing.keep, name="keep"),
    path("account/subscriptions/<int:subscription_id>/cancel/", changing.cancel, name="cancel"),
    path("account/subscriptions/<int:subscription_id>/resume/", changing.resume, name="resume"),
    path("account/subscriptions/<int:subscription_id>/check/", changing.check, name="check"),
    path("account/subscriptions/<int:subscription_id>/billing/", changing.billing, name="billing"),
    path("healthz", pages.healthz, name="healthz"),
]
