"""Rows of libraries that must not be edited by hand.

An address added here would count as proven (portal.sign_in_urls says why that must not be), and
groups mean nothing: there is one owner.
"""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group

for model in (EmailAddress, Authenticator, Group):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
