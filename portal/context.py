"""What every page's template may name."""

from django.conf import settings
from django.http import HttpRequest


def shop(request: HttpRequest) -> dict[str, object]:
    return {
        "shop_name": settings.SHOP_NAME,
        "base_url": settings.BASE_URL,
        "demo": settings.DEMO,
        "accent": settings.ACCENT_COLOR.lstrip("#").lower(),
        "support_email": settings.SUPPORT_EMAIL,
    }
