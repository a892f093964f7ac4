"""Words on a still map do not lie on each other."""

from __future__ import annotations

import itertools

import pytest

from oceanclean.planning.lettering import Lettering, _meet


@pytest.fixture
def words():
    """A map of ten by ten units on a page of six by six inches."""
    from matplotlib.figure import Figure

    axes = Figure(figsize=(6, 6), dpi=100).add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 10), ylim=(0, 10))
    return Lettering(axes)


def test_words_give_way_to_each_other(words):
    """Near points have their words on different sides; what finds no room is left out, what must stand is written."""
    written = [words.write(5 + 0.1 * k, 5.0, f"T{k:02d}  Tue 06:40", 8) for k in range(20)]
    assert 4 <= sum(written) < 20
    assert not any(_meet(a, b) for a, b in itertools.combinations(words.taken, 2))
    assert words.write(5.0, 5.0, "T99  Tue 06:40", 8, must=True)


def test_words_stay_on_the_map_and_off_the_marks(words):
    """At the edge the words go to the side that has room, and a mark that is kept free is not written on."""
    words.write(9.9, 9.9, "Puerto Cortes", 8)
    left, _bottom, right, top = words.taken[-1]
    assert right <= 6 * 72
    assert top <= 6 * 72
    assert left < words.place(9.9, 9.9)[0]
    words.block(5.0, 5.0)
    words.write(5.0, 5.0, "Utila", 8)
    assert not _meet(words.taken[-1], words.taken[-2])
