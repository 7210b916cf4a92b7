from django.urls import path

from support import webhooks

app_name = "support"
urlpatterns = [
    # Mailgun hands over the mail as it came where the address says "mime".
    path("mailgun/inbound_mime/", webhooks.inbound, {"esp": "mailgun"}, name="inbound_mime"),
    path("<slug:esp>/inbound/", webhooks.inbound, name="inbound"),
    path("<slug:esp>/tracking/", webhooks.tracking, name="tracking"),
]
