from django.db import migrations

BODY = (
    "{name},\n\nI answered this in public, so that the next one finds it too; please go on there:\n\n"
    "  {public_url}"
)


def add(apps, schema_editor):
    model = apps.get_model("support", "CannedReply")
    model.objects.get_or_create(
        slug="in-public", defaults={"title": "Answered in public", "body": BODY}
    )


class Migration(migrations.Migration):
    dependencies = [("support", "0003_put_away")]

    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
