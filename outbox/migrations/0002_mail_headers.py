from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_mail")]

    operations = [
        migrations.AddField(
            model_name="mail",
            name="headers",
            field=models.JSONField(
                db_default={},
                blank=True,
                default=dict,
                help_text='added to the usual ones; "" leaves a usual one out',
            ),
        ),
        migrations.AddField(
            model_name="mail",
            name="message_id",
            field=models.CharField(
                db_default="", blank=True, db_index=True, default="", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="mail",
            name="provider_id",
            field=models.CharField(
                db_default="",
                blank=True,
                db_index=True,
                default="",
                help_text="how the mail provider names it",
                max_length=200,
            ),
        ),
    ]
