from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0017_email_at_stripe"),
    ]

    operations = [
        migrations.AddField(
            model_name="guaranteerefund",
            name="done_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
