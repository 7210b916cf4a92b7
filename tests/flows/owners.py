"""An owner with his second factor."""

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.contrib.auth import login
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest

from licenses.models import User


def make_owner(email: str) -> User:
    return User.objects.create_superuser(email)


def session_of(user: User, *, mfa: bool = False) -> str:
    request = HttpRequest()
    request.session = SessionStore()
    login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
    record_authentication(request, user, method="code", email=user.email)
    if mfa:
        Authenticator.objects.create(
            user=user, type=Authenticator.Type.TOTP, data={"secret": "JBSWY3DPEHPK3PXP"}
        )
        record_authentication(request, user, method="mfa", type="totp")
    request.session.save()
    key: str = request.session.session_key
    return key
