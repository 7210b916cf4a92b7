"""Of allauth only what is used: a mailed code, a password for the owner, a second factor.

Its pages for changing an address or resetting a password are left out on purpose: an address
that was not proven by a code must never become a user's (he would see others' purchases).
"""

from allauth.account import views
from django.urls import include, path

urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("login/code/", views.request_login_code, name="account_request_login_code"),
    path("login/code/confirm/", views.confirm_login_code, name="account_confirm_login_code"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    # Closed by the adapter; allauth's own views ask for its URL.
    path("signup/", views.signup, name="account_signup"),
    path("2fa/", include("allauth.mfa.urls")),
]
