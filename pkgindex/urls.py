from django.urls import URLPattern, re_path

from pkgindex.uploads.views import upload

app_name = "pkgindex"
# With and without the slash: twine refuses to follow a redirect.
urlpatterns: list[URLPattern] = [re_path(r"^legacy/?$", upload, name="upload")]
