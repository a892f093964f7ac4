"""Tests that may be looked at every day, and the gate of a promotion: they decide when they should and only then."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.learning.gates import compare
from oceanclean.learning.registry import arm_of
from oceanclean.learning.sequential import confidence_sequence, log_e_value, sequential_test
from oceanclean.learning.settings import BootstrapSettings, Gate, SequentialSettings, Threshold

SETTINGS = SequentialSettings()


def looked_at_daily(x: np.ndarray) -> str:
    """The first decision of somebody who looks after every pair."""
    for n in range(SETTINGS.minimum_pairs, x.size + 1):
        decision = sequential_test(x[:n], SETTINGS).decision
        if decision != "undecided":
            return decision
    return "undecided"


@pytest.mark.parametrize("skewed", [False, True], ids=["gaussian", "skewed"])
def test_looking_every_day_seldom_calls_a_difference_where_there_is_none(skewed: bool) -> None:
    """Ville's bound over 60 looks: a t-test at 5 % looked at daily would err in about a third of the runs."""
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(100):
        x = rng.gamma(2.0, 1.0, 60) - 2.0 if skewed else rng.normal(0, 3.0, 60)
        wrong += looked_at_daily(x) != "undecided"
    assert wrong / 100 <= 0.11  # alpha is .05; 100 runs have a standard error of .022


def test_a_real_difference_is_found_in_its_direction() -> None:
    rng = np.random.default_rng(6)
    for sign, name in ((1, "challenger"), (-1, "champion")):
        found = [looked_at_daily(sign * rng.normal(1.0, 1.0, 60)) for _ in range(20)]
        assert found.count(name) >= 19


def test_the_interval_is_the_inversion_of_the_test() -> None:
    """At either end of the confidence sequence the evidence against that mean is exactly 1/alpha; inside it is less."""
    x = np.random.default_rng(7).normal(0.4, 2.0, 40)
    low, high = confidence_sequence(x, SETTINGS.effect_sd, SETTINGS.alpha)
    for end in (low, high):
        assert log_e_value(x, SETTINGS.effect_sd, end) == pytest.approx(-np.log(SETTINGS.alpha), rel=1e-9)
    assert log_e_value(x, SETTINGS.effect_sd, x.mean()) < 0
    assert low < x.mean() < high


def test_the_evidence_does_not_depend_on_the_unit() -> None:
    x = np.random.default_rng(8).normal(0.4, 2.0, 30)
    assert log_e_value(x * 1000, 0.5) == pytest.approx(log_e_value(x, 0.5))


def test_too_few_or_equal_pairs_decide_nothing() -> None:
    assert "Too early" in sequential_test([9.0, 9.1, 8.9], SETTINGS).sentence
    assert sequential_test([], SETTINGS).decision == "undecided"
    assert sequential_test([0.0] * 50, SETTINGS).decision == "undecided"
    assert "more days" in sequential_test(np.tile([0.5, -0.3], 10), SETTINGS).sentence


def share_of(sums: np.ndarray) -> float:
    return float(sums[0] / sums[1])


GATE = Gate(metric="share right", larger_is_better=True)
BOOTSTRAP = BootstrapSettings(resamples=400)


def test_a_gain_that_all_groups_share_wins_and_one_group_alone_does_not() -> None:
    """The same mean gain: spread over twenty groups it is sure, in one of them it may be chance."""
    before = np.tile([60.0, 100.0], (20, 1))
    everywhere = before + np.array([5.0, 0.0])
    once = before.copy()
    once[0, 0] += 39.0  # nearly all of the same gain
    assert compare(before, everywhere, share_of, gate=GATE, settings=BOOTSTRAP, rests_on="x").wins
    lucky = compare(before, once, share_of, gate=GATE, settings=BOOTSTRAP, rests_on="x")
    assert lucky.gain > 0
    assert not lucky.wins
    assert lucky.low <= 0


def test_direction_least_gain_and_number_of_groups_are_obeyed() -> None:
    before, after = np.tile([60.0, 100.0], (20, 1)), np.tile([65.0, 100.0], (20, 1))
    lower = Gate(metric="km", larger_is_better=False)
    assert not compare(before, after, share_of, gate=lower, settings=BOOTSTRAP, rests_on="x").wins
    assert compare(after, before, share_of, gate=lower, settings=BOOTSTRAP, rests_on="x").wins
    more = Gate(metric="share", larger_is_better=True, minimum_gain=0.06)
    assert not compare(before, after, share_of, gate=more, settings=BOOTSTRAP, rests_on="x").wins
    few = compare(before[:5], after[:5], share_of, gate=GATE, settings=BOOTSTRAP, rests_on="x")
    assert not few.wins
    assert "Too few groups" in few.sentence


def test_a_share_of_days_is_drawn_again_when_a_day_is_replayed() -> None:
    days = [f"2026-{m:02d}-{d:02d}" for m in range(1, 13) for d in range(1, 29)]
    drawn = [arm_of("segmenter", "demo", day, 0.25, "s") for day in days]
    assert drawn == [arm_of("segmenter", "demo", day, 0.25, "s") for day in days]
    assert 0.17 < drawn.count("challenger") / len(days) < 0.33
    assert drawn != [arm_of("segmenter", "demo", day, 0.25, "t") for day in days]
    assert {arm_of("segmenter", "demo", day, 0.0, "s") for day in days} == {"champion"}
    assert {arm_of("segmenter", "demo", day, 1.0, "s") for day in days} == {"challenger"}


def test_a_threshold_knows_which_side_is_bad() -> None:
    high, low = Threshold(warn=1, alarm=2), Threshold(warn=0.6, alarm=0.4)
    assert [high.state(v) for v in (0.5, 1, 2)] == ["ok", "warn", "alarm"]
    assert [low.state(v) for v in (0.8, 0.6, 0.3)] == ["ok", "warn", "alarm"]
