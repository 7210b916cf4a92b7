app_name = "pkgindex"
urlpatterns: list = []
