from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("support", "0002_canned_replies")]

    operations = [
        migrations.AddField(
            model_name="inboundmail",
            name="put_away_at",
            field=models.DateTimeField(
                blank=True, help_text="the owner has seen it, and needs it no more", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="inboundmail",
            index=models.Index(
                fields=["outcome", "received_at", "put_away_at"], name="mail_by_outcome"
            ),
        ),
    ]
