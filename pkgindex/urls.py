from django.urls import URLPattern, path, re_path

from pkgindex.trusted.views import audience, burn_token, mint_token
from pkgindex.uploads.views import upload

app_name = "pkgindex"
urlpatterns: list[URLPattern] = [
    # With and without the slash: twine refuses to follow a redirect.
    re_path(r"^legacy/?$", upload, name="upload"),
    path("_/oidc/audience", audience, name="oidc_audience"),
    path("_/oidc/mint-token", mint_token, name="oidc_mint"),
    path("_/oidc/burn-token", burn_token, name="oidc_burn"),
]
