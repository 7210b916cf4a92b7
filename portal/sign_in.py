"""Sign-in by allauth: who may come in, and what its mails say."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up: an account comes with the first purchase, or from the owner."""
        return False

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """The second factor first: somebody may have looked over the shoulder at a password."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return sorted(methods, key=lambda method: method["id"] != "mfa_reauthenticate")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Straight out, not through the outbox: a code is good for minutes, and in no table."""
        shop = {"shop_name": settings.SHOP_NAME, "base_url": settings.BASE_URL}
        super().send_mail(template_prefix, email, {**context, **shop})
