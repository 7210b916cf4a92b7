import pytest

from lib.money import TotalFalls, VolumeTier, check_volume_tiers, format_cents, volume_total_cents

STEPS = [(4, 26900), (9, 24900), (19, 22900), (49, 21900), (None, 21500)]
GOOD = [VolumeTier(up_to, cents) for up_to, cents in STEPS]


@pytest.mark.parametrize(
    ("quantity", "total"),
    [(1, 26900), (4, 107600), (5, 124500), (20, 438000), (50, 1075000), (1000, 21500000)],
)
def test_all_units_cost_what_the_step_of_the_quantity_says(quantity, total):
    assert volume_total_cents(GOOD, quantity) == total


def test_no_total_of_the_demo_catalog_falls_when_one_buys_more():
    totals = [volume_total_cents(GOOD, quantity) for quantity in range(1, 1001)]

    check_volume_tiers(GOOD)
    assert totals == sorted(totals)


def test_a_table_whose_total_falls_is_refused_and_says_where():
    bad = [*GOOD[:3], VolumeTier(49, 19900), VolumeTier(None, 16900)]

    with pytest.raises(TotalFalls, match=r"20 units would cost \$3,980, less than 19 units"):
        check_volume_tiers(bad)


@pytest.mark.parametrize(
    "bad",
    [
        [],
        [VolumeTier(4, 100)],
        [VolumeTier(None, 100), VolumeTier(None, 90)],
        [VolumeTier(9, 100), VolumeTier(4, 200), VolumeTier(None, 300)],
    ],
)
def test_a_table_that_is_not_ascending_or_has_no_end_is_refused(bad):
    with pytest.raises(ValueError, match=r"ascend|upper bound"):
        check_volume_tiers(bad)


@pytest.mark.parametrize(
    ("cents", "text"),
    [(9900, "$99"), (124500, "$1,245"), (124550, "$1,245.50"), (-5, "-$0.05"), (0, "$0")],
)
def test_dollars_are_written_as_people_write_them(cents, text):
    assert format_cents(cents) == text
