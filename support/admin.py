"""The raw side of support. Tickets are answered on the desk, /<ADMIN_PATH>/tickets/."""

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lib.admin import ReadOnlyAdmin
from outbox.admin import ClaimableAdmin
from support.away import move_promises
from support.clock import read_calendar
from support.models import (
    AutomaticAnswer,
    BouncingAddress,
    CannedReply,
    InboundMail,
    MailEvent,
    Ticket,
    Vacation,
    WorkingTime,
)


class RawDeliveryAdmin(ClaimableAdmin):
    """Never the bytes themselves: a list of a hundred mails is not a gigabyte."""

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("raw")


@admin.register(InboundMail)
class InboundMailAdmin(RawDeliveryAdmin):
    list_display = ["received_at", "sender", "subject", "outcome", "ticket_id", "dead_at"]
    list_filter = ["outcome", "source", ("dead_at", admin.EmptyFieldListFilter)]
    search_fields = ["sender", "subject", "envelope_from", "sha256"]
    date_hierarchy = "received_at"
    fields = [
        ("source", "event_id", "sha256"),
        ("received_at", "outcome", "ticket_id"),
        ("sender", "subject"),
        ("envelope_from", "envelope_to", "spam_score"),
        "note",
        ("due_at", "attempts", "dead_at"),
        "last_error",
    ]


@admin.register(MailEvent)
class MailEventAdmin(RawDeliveryAdmin):
    list_display = ["received_at", "source", "note", "dead_at"]
    list_filter = ["source"]
    fields = ["source", "event_id", "received_at", "note", "due_at", "last_error", "dead_at"]


@admin.register(Ticket)
class TicketAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "customer", "status", "due_at", "cause", "opened_at", "desk"]
    list_filter = ["status", "cause", "matched_by"]
    list_select_related = ["customer"]
    search_fields = ["subject", "requester", "customer__name", "topic"]
    date_hierarchy = "opened_at"
    exclude = ["follows", "merged_into"]

    @admin.display(description="on the desk")
    def desk(self, ticket: Ticket) -> SafeString:
        return format_html(
            '<a href="/{}/tickets/{}/">answer #{}</a>', settings.ADMIN_PATH, ticket.pk, ticket.pk
        )


@admin.register(CannedReply)
class CannedReplyAdmin(admin.ModelAdmin):
    list_display = ["title", "slug"]
    search_fields = ["title", "body"]


@admin.register(Vacation)
class VacationAdmin(admin.ModelAdmin):
    list_display = ["starts_on", "ends_on", "note"]

    def save_model(
        self,
        request: HttpRequest,
        obj: Vacation,
        form: object,
        change: bool,  # noqa: FBT001
    ) -> None:
        before = read_calendar()
        super().save_model(request, obj, form, change)
        _tell_how_many(request, move_promises(before, timezone.now()))


@admin.register(WorkingTime)
class WorkingTimeAdmin(admin.ModelAdmin):
    list_display = ["__str__", "weekdays", "country"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not WorkingTime.objects.exists()

    def save_model(
        self,
        request: HttpRequest,
        obj: WorkingTime,
        form: object,
        change: bool,  # noqa: FBT001
    ) -> None:
        before = read_calendar()
        obj.pk = WorkingTime.ONLY
        super().save_model(request, obj, form, change)
        _tell_how_many(request, move_promises(before, timezone.now()))


def _tell_how_many(request: HttpRequest, moved: int) -> None:
    if moved:
        said = (
            f"{moved} open ticket{'' if moved == 1 else 's'} moved behind it; who waits was told."
        )
        messages.info(request, said)


@admin.register(BouncingAddress)
class BouncingAddressAdmin(ReadOnlyAdmin):
    list_display = ["address", "since", "reason"]
    search_fields = ["address"]

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(AutomaticAnswer)
class AutomaticAnswerAdmin(ReadOnlyAdmin):
    list_display = ["address", "answered_at", "pointed_at"]
    search_fields = ["address"]
