"""Sign-in by allauth: who may come in, and where he lands."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up: an account comes with the first purchase, or from the owner."""
        return False
