"""The owner's page of invoice contracts: the only place where one is made."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from billing.contracts import ContractRefused, check_contract, make_invoice_contract, sign_contract
from billing.models import InvoiceContract
from lib.admin import ReadOnlyAdmin
from lib.money import format_cents

WRITTEN = [
    "customer",
    "price",
    "quantity",
    "days_until_due",
    "reference",
    "grant_on",
    "signed_at",
    "notes",
]


class ContractForm(forms.ModelForm):
    class Meta:
        model = InvoiceContract
        fields = WRITTEN

    def clean(self) -> dict[str, Any]:
        fields = self.cleaned_data
        if not self.errors:
            try:
                check_contract(fields["customer"], fields["price"], fields["quantity"])
            except ContractRefused as refused:
                raise forms.ValidationError(str(refused)) from refused
        return fields


@admin.register(InvoiceContract)
class InvoiceContractAdmin(ReadOnlyAdmin):
    form = ContractForm
    list_display = ["customer", "price", "quantity", "total", "grant_on", "signed_at", "state"]
    list_filter = ["grant_on", "dead_at"]
    list_select_related = ["customer", "price__tier__product", "subscription"]
    search_fields = ["customer__name", "customer__contacts__email", "reference"]
    # Not autocomplete: select2 is silent to a screen reader, and nothing without a script.
    raw_id_fields = ["customer"]
    actions = ["sign", "try_again"]

    def get_fields(self, request: HttpRequest, obj: InvoiceContract | None = None) -> Any:
        return WRITTEN if obj is None else [*WRITTEN, "state", "last_error"]

    def get_readonly_fields(self, request: HttpRequest, obj: InvoiceContract | None = None) -> Any:
        return [] if obj is None else ["state"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_delete_permission(
        self, request: HttpRequest, obj: InvoiceContract | None = None
    ) -> bool:
        """One that waits for a signature never came to be."""
        waits = obj is not None and obj.subscription_id is None and obj.due_at is None
        return waits and admin.ModelAdmin.has_delete_permission(self, request, obj)

    def save_model(
        self,
        request: HttpRequest,
        obj: InvoiceContract,
        form: ContractForm,
        change: bool,  # noqa: FBT001
    ) -> None:
        obj.pk = make_invoice_contract(**form.cleaned_data, at=timezone.now()).pk

    @admin.display(description="total")
    def total(self, contract: InvoiceContract) -> str:
        price = contract.price
        amount = format_cents(price.total_cents(contract.quantity), price.currency)
        return f"{amount} per {price.interval}"

    @admin.display(description="state")
    def state(self, contract: InvoiceContract) -> str:
        if contract.subscription is not None:
            return str(contract.subscription)
        if contract.dead_at is not None:
            return f"given up: {contract.last_error[:80]}"
        return "on its way to Stripe" if contract.due_at else "waits for a signature"

    @admin.action(description="It is signed, as of now")
    def sign(self, request: HttpRequest, queryset: QuerySet[InvoiceContract]) -> None:
        for contract in queryset.filter(signed_at=None):
            sign_contract(contract.pk, at=timezone.now())
            messages.info(request, f"{contract} is signed.")

    @admin.action(description="Try again (only those that were given up)")
    def try_again(self, request: HttpRequest, queryset: QuerySet[InvoiceContract]) -> None:
        queryset.filter(dead_at__isnull=False).update(
            due_at=timezone.now(), dead_at=None, attempts=0, lease_until=None
        )
