"""What a customer wants to read on his receipts."""

from django.db import models

from licenses.models import Customer


class BillingDetails(models.Model):
    """Name, address and numbers for the bookkeeper; on all receipts, old and new."""

    customer = models.OneToOneField(Customer, models.CASCADE, related_name="billing_details")
    legal_name = models.CharField(max_length=200, blank=True)
    address = models.TextField(max_length=500, blank=True)
    tax_id = models.CharField(max_length=80, blank=True, help_text="VAT or other tax number")
    purchase_order = models.CharField(max_length=80, blank=True)

    class Meta:
        verbose_name_plural = "billing details"

    def __str__(self) -> str:
        return self.legal_name or f"details of {self.customer_id}"
