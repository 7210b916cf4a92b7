from django.urls import path

from support import webhooks

app_name = "support"
urlpatterns = [
    path("<slug:esp>/inbound/", webhooks.inbound, name="inbound"),
    path("<slug:esp>/tracking/", webhooks.tracking, name="tracking"),
]
