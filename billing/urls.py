from django.urls import path

from billing import webhooks

app_name = "billing"
urlpatterns = [
    path("webhook/", webhooks.stripe_webhook, name="webhook"),
]
