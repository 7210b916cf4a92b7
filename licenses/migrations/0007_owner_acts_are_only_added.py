from typing import Any

from django.db import migrations

TABLE = "licenses_owneract"
SQLITE = [
    f"""
    CREATE TRIGGER owner_acts_stay_{verb.lower()} BEFORE {verb} ON {TABLE}
    BEGIN SELECT RAISE(ABORT, 'acts of the owner are only ever added'); END
    """
    for verb in ("UPDATE", "DELETE")
]
POSTGRESQL = [
    """
    CREATE FUNCTION owner_acts_stay() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'acts of the owner are only ever added'; END $$
    """,
    f"""
    CREATE TRIGGER owner_acts_stay BEFORE UPDATE OR DELETE ON {TABLE}
    FOR EACH ROW EXECUTE FUNCTION owner_acts_stay()
    """,
]


def add(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.alias != "default":
        return
    is_sqlite = schema_editor.connection.vendor == "sqlite"
    for statement in SQLITE if is_sqlite else POSTGRESQL:
        schema_editor.execute(statement)


def remove(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.alias != "default":
        return
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER owner_acts_stay_update")
        schema_editor.execute("DROP TRIGGER owner_acts_stay_delete")
    else:
        schema_editor.execute(f"DROP TRIGGER owner_acts_stay ON {TABLE}")
        schema_editor.execute("DROP FUNCTION owner_acts_stay")


class Migration(migrations.Migration):
    dependencies = [
        ("licenses", "0006_people_acts_diagnoses"),
    ]

    operations = [migrations.RunPython(add, remove)]
