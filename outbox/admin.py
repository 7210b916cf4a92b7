from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from lib.admin import ReadOnlyAdmin
from outbox.models import Mail


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    list_display = ["key", "to", "subject", "created_at", "sent_at", "attempts", "dead_at"]
    list_filter = ["sent_at", "dead_at"]
    search_fields = ["key", "subject", "to"]
    actions = ["send_again"]

    @admin.action(description="Try to send again (only mails that were not sent)")
    def send_again(self, request: HttpRequest, queryset: QuerySet[Mail]) -> None:
        queryset.filter(sent_at__isnull=True).update(
            due_at=timezone.now(), dead_at=None, attempts=0, lease_until=None
        )
