from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("licenses", "0010_news_readers"),
    ]

    operations = [
        migrations.AddField(
            model_name="leasehour",
            name="drained",
            field=models.PositiveIntegerField(
                db_default=0, default=0, help_text="while the pool shrank to its limit"
            ),
        ),
        migrations.AddField(
            model_name="leasehour",
            name="not_active",
            field=models.PositiveIntegerField(
                db_default=0, default=0, help_text="suspended or revoked"
            ),
        ),
        migrations.AddField(
            model_name="leasehour",
            name="over_free",
            field=models.PositiveIntegerField(
                db_default=0, default=0, help_text="outside production"
            ),
        ),
        migrations.AddField(
            model_name="leasehour",
            name="over_limit",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
