from django.db import migrations

REPLIES = {
    "stranger": (
        "Stranger: please ask in public",
        "Thank you for writing. Private mail is for customers only; please open an issue at\n"
        "{tracker_url}, where the answer helps the next one too.",
    ),
    "over-quota": (
        "Over the quota",
        "{name},\n\nyour plan's tickets for this quarter are used up, so I leave this one to the\n"
        "public tracker, where I answer too:\n\n  {tracker_url}\n\n"
        "Bugs of ours, security and billing never count; if it is one of those, tell me.",
    ),
    "documentation": (
        "It is in the documentation",
        "{name},\n\nthis is described in the documentation: {docs_url}",
    ),
    "versions": (
        "Which versions?",
        "{name},\n\nplease send the versions of Python, of the library and of your system, and the\n"
        "whole traceback.",
    ),
    "card-only": (
        "Card only",
        "{name},\n\nwe take cards only; {base_url}/buying/ says why. The receipt carries your\n"
        "address, VAT number and PO number.",
    ),
    "invoice": (
        "Invoices from a size up",
        "{name},\n\nwe write invoices from {invoice_min} a year up; below that it is by card:\n"
        "{base_url}/buying/",
    ),
    "fixed": ("Fixed in a version", "{name},\n\nthis is fixed in version "),
    "goodbye": (
        "Refund and part ways",
        "{name},\n\nI do not think that we are right for each other, so I return your money and\n"
        "end the subscription. I wish you well.",
    ),
}


def add(apps, schema_editor):
    model = apps.get_model("support", "CannedReply")
    for slug, (title, body) in REPLIES.items():
        model.objects.get_or_create(slug=slug, defaults={"title": title, "body": body})


class Migration(migrations.Migration):
    dependencies = [("support", "0001_mail_and_tickets")]

    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
