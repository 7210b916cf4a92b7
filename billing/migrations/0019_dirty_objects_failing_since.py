from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0018_refund_jobs_done_at"),
    ]

    operations = [
        migrations.AddField(
            model_name="dirtyobject",
            name="failing_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
