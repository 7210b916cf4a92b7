"""The owner's own acts, to read."""

from django.contrib import admin

from lib.admin import ReadOnlyAdmin
from licenses.models import OwnerAct


@admin.register(OwnerAct)
class OwnerActAdmin(ReadOnlyAdmin):
    list_display = ["at", "act", "about", "reason", "user"]
    list_filter = ["act"]
    list_select_related = ["user"]
    search_fields = ["act", "about", "reason"]
    date_hierarchy = "at"
