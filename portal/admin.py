"""The owner's own acts, to read; and rows of libraries that must not be edited by hand.

An address added here would count as proven (portal.sign_in_urls says why that must not be), and
groups mean nothing: there is one owner.
"""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group

from lib.admin import ReadOnlyAdmin
from licenses.models import OwnerAct


@admin.register(OwnerAct)
class OwnerActAdmin(ReadOnlyAdmin):
    list_display = ["at", "act", "about", "reason", "user"]
    list_filter = ["act"]
    list_select_related = ["user"]
    search_fields = ["act", "about", "reason"]
    date_hierarchy = "at"


for model in (EmailAddress, Authenticator, Group):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
