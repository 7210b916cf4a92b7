"""What the documents say is so."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
NAMED = re.findall(r"`([\w/]+\.py):\s+(\w+)`", ARCHITECTURE)
FLOWS = re.split(r"^## ", ARCHITECTURE, flags=re.MULTILINE)[1:5]
VARIABLE = re.compile(r'env\.\w+\(\s*"([A-Z_]+)"')


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)))
def test_every_function_that_the_architecture_names_is_there(file: str, name: str):
    tree = ast.parse((ROOT / file).read_text())

    assert name in {getattr(node, "name", "") for node in ast.walk(tree)}


@pytest.mark.parametrize("flow", FLOWS)
def test_each_flow_has_at_most_eight_steps_and_each_names_a_function(flow: str):
    steps = re.findall(r"^\d\. .*?(?=^\d\. |\Z|^$)", flow, re.MULTILINE | re.DOTALL)

    assert 4 <= len(steps) <= 8
    assert all(re.search(r"`[\w/]+\.py:\s+\w+`", step) for step in steps)


def test_every_variable_stands_in_the_table_of_settings():
    settings = (ROOT / "docs/settings.md").read_text()
    readers = ("config/settings.py", "config/databases.py")
    used = set(VARIABLE.findall("".join((ROOT / one).read_text() for one in readers)))

    assert len(used) > 20
    assert {name for name in used if f"`{name}`" not in settings} == set()


def test_every_variable_of_the_table_is_used():
    rows = re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    readers = (
        "config/settings.py",
        "config/databases.py",
        "config/gunicorn.py",
        "pkgindex/index/standalone.py",
    )
    code = "".join((ROOT / reader).read_text() for reader in readers)

    assert [name for name in rows if not re.search(rf"['\"]{name}['\"]", code)] == []


def test_every_check_id_is_used_once():
    ids = re.findall(r'id="(wheelbarrow\.[EWI]\d+)"', (ROOT / "config/checks.py").read_text())

    assert len(ids) == len(set(ids)) > 5


def test_every_file_that_the_readme_names_is_there():
    names = re.findall(r"`((?:bin|docs|portal|billing|pkgindex|support|licenses|outbox|lib|config|stripe_standin|sdk|demo|tests|\.ci)/[\w./-]*)", (ROOT / "README.md").read_text())  # fmt: skip  # noqa: E501

    assert len(names) > 10
    assert [name for name in names if not (ROOT / name.split(" ")[0]).exists()] == []


def test_no_file_of_the_project_names_a_path_of_this_machine():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    home = re.compile(r"/(?:home|Users)/\w+/|/wor[k]/\w+/|/root/\.")

    found = [
        name
        for name in tracked
        if Path(name).suffix in {".py", ".md", ".toml", ".txt", ".html", ""}
        and name != "tests/test_docs.py"
        and home.search((ROOT / name).read_text(errors="ignore"))
    ]

    assert found == []


SCENARIOS = {  # which of them each page tells of
    "scenarios.md": range(1, 41),
    "scenarios-licensing.md": range(1, 36),
    "scenarios-support.md": [*range(9, 24), 32, 33],
    "scenarios-index.md": [],  # its rows have numbers of several lists
}


@pytest.mark.parametrize("page", SCENARIOS)
def test_every_scenario_is_told_by_a_test_that_is_there_or_is_said_not_to_be(page: str):
    text = (ROOT / "docs" / page).read_text()
    told = [int(number) for number in re.findall(r"^\| (\d+) \|.*`.*test_", text, re.MULTILINE)]
    not_told = re.search(r"^Not told yet: (.*)\.$", text, re.MULTILINE)
    told += [int(number) for number in not_told[1].split(",")] if not_told else []
    named = re.findall(r"`((?:\w+/)?test_\w+): (test_\w+)`", text)

    missing = [
        (file, name)
        for file, name in named
        if not any(
            f"def {name}(" in path.read_text() for path in (ROOT / "tests").rglob(f"**/{file}.py")
        )
    ]
    assert missing == []
    assert sorted(told) == list(SCENARIOS[page])


def test_every_test_that_says_it_is_a_scenario_of_support_stands_in_the_table():
    text = (ROOT / "docs/scenarios-support.md").read_text()
    files = (ROOT / "tests/support").glob("test_*.py")
    told = [
        (file.stem, name, number)
        for file in files
        for name, number in re.findall(
            r'def (test_\w+)\([^)]*\):\n    """Scenario (\d+)', file.read_text()
        )
    ]

    missing = [
        one
        for one in told
        if not re.search(rf"^\| {one[2]} \|.*`{one[0]}: {one[1]}`", text, re.MULTILINE)
    ]

    assert len(told) > 20
    assert missing == []


def test_every_test_that_the_pages_scenarios_name_is_there():
    text = (ROOT / "docs/scenarios-pages.md").read_text()
    named = re.findall(r"`(\w+/test_\w+): (test_\w+)`", text)

    missing = [
        (file, name)
        for file, name in named
        if f"def {name}(" not in (ROOT / f"tests/{file}.py").read_text()
    ]

    assert len(named) > 25
    assert missing == []
