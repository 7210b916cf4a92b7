"""Who wants to hear of new releases. Only whoever signed in may ask: his address is proven."""

from datetime import datetime

from django.core import signing

from licenses.models import NewsReader, Product, User, normalize_email

SALT = "licenses.news"


def follow(user: User, product: Product, *, at: datetime) -> None:
    """Mail him from now on; told twice, the first time stands."""
    NewsReader.objects.get_or_create(user=user, product=product, defaults={"since": at})


def unfollow(user_id: int, product_id: int) -> None:
    """Never again, until he asks. Safe to repeat."""
    NewsReader.objects.filter(user=user_id, product=product_id).delete()


def unfollow_all(address: str) -> None:
    """Whoever calls our mail spam gets no news of anything."""
    NewsReader.objects.filter(user__email=normalize_email(address)).delete()


def follows(user: User, product: Product) -> bool:
    return NewsReader.objects.filter(user=user, product=product).exists()


def sign_stop(reader: NewsReader) -> str:
    """What stands in the link that stops it; it does nothing else, so it never expires."""
    return signing.dumps([reader.user_id, reader.product_id], salt=SALT)


def read_stop(token: str) -> tuple[int, Product] | None:
    """(user id, product) of the link; None if we did not sign it, or the product is gone."""
    try:
        user_id, product_id = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    product = Product.objects.filter(pk=product_id).first()
    return (user_id, product) if product else None
