"""The license API, below /v1/."""

from django.urls import path

from licenses import api

app_name = "licenses"
urlpatterns = [
    path("leases:batch", api.lease_batch, name="lease-batch"),
    path("leases/<uuid:iid>", api.lease, name="lease"),
    path("leases/<uuid:iid>:release", api.release, name="lease-release"),
    path("license", api.license_document, name="license"),
    path("usage", api.usage, name="usage"),
    path("keys", api.keys, name="keys"),
]
