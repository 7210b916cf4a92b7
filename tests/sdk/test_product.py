"""What a vendor's package asks, and `python -m wheelbarrow_client inspect`."""

import subprocess
import sys
from pathlib import Path

import pytest
from time_machine import TimeMachineFixture
from wheelbarrow_client import Product, Unlicensed
from wheelbarrow_client.__main__ import main

from tests.sdk.documents import make_claims, make_key, public_text, sign

KEY = make_key()
ROOTS = [public_text(KEY)]
SOURCES = Path(__file__).parents[2] / "sdk" / "src"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("WHEELBARROW_LICENSE_FILE", "WHEELBARROW_LICENSE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def licensed(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    claims = {"features": ["batches"], "exp": "2027-02-05T00:00:00Z", "support": "https://u/"}
    monkeypatch.setenv("WHEELBARROW_LICENSE", sign(KEY, make_claims(**(claims | changes))))


def refusal(product: Product, feature: str = "") -> str:
    with pytest.raises(Unlicensed) as refused:
        product.require(feature)
    return str(refused.value)


def test_a_feature_that_was_bought_is_allowed(monkeypatch: pytest.MonkeyPatch):
    licensed(monkeypatch)
    product = Product("hare", roots=ROOTS, released="2026-06-01", version="2.1.0")

    assert product.allows("batches")
    assert product.allows()
    assert not product.allows("schedules")


def test_a_feature_of_a_higher_tier_names_plan_feature_and_url(monkeypatch: pytest.MonkeyPatch):
    licensed(monkeypatch)

    said = refusal(Product("hare", roots=ROOTS, name="Hare"), "schedules")

    assert said == "'schedules' of Hare is not part of your license for hare pro: https://u/"


def test_without_a_license_nothing_is_allowed_and_nothing_but_unlicensed_is_raised():
    product = Product("hare", roots=ROOTS)

    assert product.allows() is product.allows("batches") is False
    assert "needs a license and found none" in refusal(product)


def test_the_day_of_the_release_counts_and_not_the_clock(monkeypatch: pytest.MonkeyPatch):
    licensed(monkeypatch)

    def released(day: str) -> bool:
        return Product("hare", roots=ROOTS, released=day).allows("batches")

    assert released("2020-01-01")
    assert released("2027-01-01")
    assert released("2027-02-05")  # a renewal may be a few weeks away
    assert not released("2027-02-06")


def test_an_evaluation_ends_by_the_clock_and_nothing_else_does(
    monkeypatch: pytest.MonkeyPatch, time_machine: TimeMachineFixture
):
    dates = {"paid_through": "2027-01-01T00:00:00Z", "exp": "2027-01-02T00:00:00Z"}

    def says(at: str, **claims: str) -> str:
        time_machine.move_to(at)
        licensed(monkeypatch, **dates, **claims)
        product = Product("hare", roots=ROOTS, name="Hare Pro")
        return "" if product.allows("batches") else refusal(product)

    assert says("2027-01-01T23:59:59Z", fallback="none") == ""
    assert says("2027-01-02T00:00:00Z", fallback="none") == (
        "The evaluation of Hare Pro ended on 2027-01-01: https://u/"
    )
    assert says("2037-01-01T00:00:00Z", fallback="perpetual") == ""


def test_a_lapsed_license_names_the_last_day_that_it_covers(monkeypatch: pytest.MonkeyPatch):
    licensed(monkeypatch, exp="2027-01-01T00:00:00Z")

    said = refusal(Product("hare", roots=ROOTS, released="2027-01-02", version="3.0"))

    assert "released on 2027-01-02" in said
    assert "releases up to 2027-01-01" in said


def test_whoever_leases_may_have_renewed_and_the_shop_will_say_so(monkeypatch: pytest.MonkeyPatch):
    """A machine set up in spring, the yearly renewal, and in summer a new release: started anew it
    has the document of spring until the first answer brings the newer one.
    """
    release = {"roots": ROOTS, "released": "2027-06-01"}
    licensed(monkeypatch, hosts=["https://shop.example"])
    monkeypatch.setenv("WHEELBARROW_LEASE_KEY", "wb_ls_x")

    assert Product("hare", **release).allows("batches")
    assert not Product("hare", **release).allows("schedules")
    assert Product("hare", **release).lease(5, lambda verdict: None).start().threads == 5

    licensed(monkeypatch, hosts=["https://shop.example"], exp="2027-01-01T00:00:00Z")
    assert "releases up to 2027-01-01" in refusal(Product("hare", **release))  # it had ended
    licensed(monkeypatch)
    assert not Product("hare", **release).allows()  # there is nobody to say so


def test_who_leases_nothing_is_told_that_the_document_is_old(monkeypatch: pytest.MonkeyPatch):
    """He may have renewed: "renew" would be no help."""
    licensed(monkeypatch, hosts=["https://shop.example"])

    said = refusal(Product("hare", roots=ROOTS, released="2027-06-01", name="Hare 3.0"))

    assert said == (
        "Hare 3.0 was released on 2027-06-01. Your license document is older and covers releases "
        "up to 2027-02-05: put the newest one in its place, which WHEELBARROW_LEASE_KEY would do "
        "by itself: https://u/"
    )


def test_a_vendor_may_choose_the_names_of_the_variables(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ACME_LICENSE", sign(KEY))
    product = Product("hare", roots=ROOTS, text_variable="ACME_LICENSE")

    assert product.allows()
    monkeypatch.delenv("ACME_LICENSE")
    other = Product("hare", roots=ROOTS, text_variable="ACME_LICENSE")
    assert "Set ACME_LICENSE to" in refusal(other)


def test_without_a_lease_key_all_that_is_wanted_runs(monkeypatch: pytest.MonkeyPatch):
    licensed(monkeypatch, limits={"threads": 10}, hosts=["https://shop.example"])
    told: list[int] = []

    lease = Product("hare", roots=ROOTS).lease(50, lambda verdict: told.append(verdict.threads))

    assert lease.start().threads == 50
    assert told == [50]


def test_inspect_explains_a_genuine_document(machine: Path, capsys: pytest.CaptureFixture[str]):
    file = machine / "license"
    file.write_text(sign(KEY, make_claims(exp="2027-02-05T00:00:00Z")))

    code = main(["inspect", str(file), "--root", ROOTS[0], "--released", "2026-06-01"])

    said = capsys.readouterr().out
    assert code == 0
    for part in ("Müller & Søn", "hare pro", "unlimited threads", "2027-01-01", "batches", "keys "):
        assert part in said
    assert said.endswith("verdict        genuine, covers this release\n")


def test_inspect_says_1_for_an_evaluation_that_is_over(
    machine: Path, capsys: pytest.CaptureFixture[str]
):
    file = machine / "license"
    dates = {"paid_through": "2026-01-31T00:00:00Z", "exp": "2026-02-01T00:00:00Z"}
    file.write_text(sign(KEY, make_claims(fallback="none", **dates)))

    code = main(["inspect", str(file), "--root", ROOTS[0]])

    assert code == 1
    said = capsys.readouterr().out
    assert said.endswith("verdict        genuine, but the evaluation ended on 2026-01-31\n")


@pytest.mark.parametrize("arguments", [["--released", "2030-01-01"], []])
def test_inspect_says_1_for_a_release_that_is_not_covered(machine: Path, arguments: list[str]):
    file = machine / "license"
    file.write_text(sign(make_key() if not arguments else KEY))

    assert main(["inspect", str(file), "--root", ROOTS[0], *arguments]) == 1


@pytest.mark.parametrize("text", ["", "garbage", "v4.public.AAAA", "v4.public.AAAA.AAAA"])
def test_inspect_explains_anything_without_a_traceback(machine: Path, text: str):
    file = machine / "license"
    file.write_text(text)

    done = subprocess.run(
        [sys.executable, "-m", "wheelbarrow_client", "inspect", str(file), "--root", ROOTS[0]],
        env={"PYTHONPATH": str(SOURCES), "HOME": str(machine)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, "")
    assert "not" in done.stdout


def test_importing_starts_no_thread_and_imports_neither_network_nor_cryptography():
    code = (
        "import sys, threading, wheelbarrow_client\n"
        "late = {'ssl', 'socket', 'urllib.request', 'http.client', 'cryptography'}\n"
        "print(threading.active_count(), sorted(late & set(sys.modules)))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "1 []\n"
