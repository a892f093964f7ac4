"""Mutants of good files at every door where files of others come in: read right or refused with a typed error."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.reliability.doors import DOORS
from tests.reliability.harness import READ, REFUSED
from tests.reliability.mutants import GOOD
from tests.reliability.promises import keep

#: ``make test`` sends every so-manieth mutant (and every good file) through; ``make reliability`` all of them.
EVERY = 1 if os.environ.get("OCEANCLEAN_RELIABILITY") == "all" else 5


@pytest.mark.parametrize("door", DOORS, ids=lambda d: d.name)
def test_every_mutant_is_read_or_refused_by_name(door, room):
    found = list(room.outcomes(door, EVERY))
    bad = [f"{o.mutant}: {o.what} ({o.said}), {o.seconds:.1f} s, {o.mebibytes:.0f} MiB" for o in found if not o.well]
    count = Counter(o.what for o in found)
    keep("bad input", door.name, {
        "mutants": len(found), "read": count[READ], "refused": count[REFUSED], "broken": len(bad),
        "slowest_s": round(max(o.seconds for o in found), 2), "most_mib": round(max(o.mebibytes for o in found)),
    })  # fmt: skip
    assert not bad, "\n".join(bad)
    assert any(o.mutant == GOOD for o in found)
    assert count[REFUSED]
