"""Why not: reasons in words, with the numbers that decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oceanclean.allocation import insertion
from oceanclean.allocation.infeasible import Limit, smallest_limits
from oceanclean.allocation.model import Day, Shut
from oceanclean.allocation.problem import Code, V
from oceanclean.allocation.schedule import first_limit
from oceanclean.settings import KNOT_M_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Visits in a row that are given up at most where a share is forced into a route.
MOST_DROPPED = 2


def knots(speed: float) -> str:
    """A wind speed in m/s as crews read it."""
    return f"{speed / KNOT_M_S:.0f} kn"


def clock(issue: np.datetime64, seconds: float) -> str:
    """A time as ``14:00Z``, with the date where it is not the first day."""
    then, first = pd.Timestamp(issue) + pd.Timedelta(seconds=round(seconds)), pd.Timestamp(issue)
    return then.strftime("%H:%MZ") if then.date() == first.date() else then.strftime("%d %b %H:%MZ")


def shut_until(day: Day, v: int, patch: int) -> str:
    """Why a vessel cannot work on a patch now, and until when."""
    codes = day.shut[v, patch]
    first = Shut(int(codes[0]))
    later = np.flatnonzero(codes != first)
    until = f" until {clock(day.issue, later[0] * day.slot_s)}" if len(later) else " over the whole horizon"
    row = day.crews[v].row
    stretch = slice(0, later[0] if len(later) else None)
    if first == Shut.WAVES:
        return f"Hs {day.waves[patch, stretch].max():.1f} m > {row['max_wave_height']:g} m{until}"
    if first == Shut.WIND:
        return f"wind {knots(day.wind[patch, stretch].max())} > {knots(row['max_wind'])}{until}"
    if first == Shut.NIGHT:
        return f"dark{until}"
    if first == Shut.CLOSED_AREA:
        return f"inside a closed area{until}"
    return "no longer afloat"


def _main_cause(day: Day, v: int, patches: NDArray[np.int64]) -> str:
    """What keeps a vessel from working most, over the given patches."""
    codes = day.shut[v, patches]
    counts = np.bincount(codes.ravel(), minlength=len(Shut))
    counts[[Shut.OPEN, Shut.GONE]] = 0
    if counts.sum() == 0:
        return ""
    return _cause(day, v, patches, Shut(int(np.argmax(counts))))


def _cause(day: Day, v: int, patches: NDArray[np.int64], worst: Shut) -> str:
    """One reason why a vessel cannot work on the given patches, with its numbers."""
    codes = day.shut[v, patches]
    row, hit = day.crews[v].row, codes == worst
    if not hit.any():
        return {Shut.WAVES: f"waves above {row['max_wave_height']:g} m", Shut.NIGHT: "works by daylight only",
                Shut.WIND: f"wind above {knots(row['max_wind'])}"}.get(worst, "closed areas")  # fmt: skip
    last = np.flatnonzero(hit.any(axis=0))[-1] * day.slot_s
    until = f"until {clock(day.issue, last)}" if last < day.horizon_s - day.slot_s else "to the end of the forecast"
    if worst == Shut.WAVES:
        return f"Hs up to {day.waves[patches][hit].max():.1f} m > {row['max_wave_height']:g} m {until}"
    if worst == Shut.WIND:
        return f"wind up to {knots(day.wind[patches][hit].max())} > {knots(row['max_wind'])} {until}"
    if worst == Shut.NIGHT:
        return "works by daylight only, and too little of it is left"
    return "all debris lies in closed areas"


def why_not_alone(day: Day, v: int, share: int) -> str:
    """The limit that stops a vessel from serving one share even alone, in words."""
    row, code = day.crews[v].row, Code(first_limit(day.problem, v, share))
    if code == Code.WINDOW:
        return f"{shut_until(day, v, int(day.shares.patch[share]))}, and no whole visit fits into a later window."
    return {
        Code.ENDURANCE: f"it lies beyond the endurance of {float(row['endurance']):.0f} h.",
        Code.HORIZON: f"no port is reached after it before the forecast ends ({day.horizon_s / 3600:.0f} h).",
        Code.HOLD: f"the hold has room for {float(day.problem.vessel[v, V.HOLD_LEFT]):.0f} kg only.",
        Code.OUTRUN: "it drifts faster than the vessel sails.",
        Code.TRANSIT: "the sea is too rough to sail in.",
        Code.NOT_ALLOWED: "the vessel may not work there.",
        Code.CREW: f"with the way to it and back the crew would be on duty for more than {float(row['max_work']):g} h.",
        Code.FUEL: f"its fuel of {float(row['fuel']):.0f} l does not suffice for the way there and back.",
    }.get(code, "the trip breaks a limit.")


def why_vessel_stays(day: Day, v: int, served: set[int]) -> str:
    """Why a vessel that could be sent has no route.

    Args:
        day: the problem.
        v: vessel.
        served: tasks (shares) that other vessels take.
    """
    count = day.problem.tasks
    codes = np.array([first_limit(day.problem, v, s) for s in range(count)])
    if (codes == Code.OK).any():
        free = [s for s in np.flatnonzero(codes == Code.OK) if s not in served]
        if not free:
            return "Every patch within its reach is taken by another vessel."
        return "What it could still collect is worth less than the distance to it."
    limits = smallest_limits(day, v)
    if len(limits) > 1:
        return f"No patch is left by these together: {'; '.join(_said(day, v, limit) for limit in limits)}."
    if limits and limits[0] in SHUTTING:
        return f"No working window: {_said(day, v, limits[0])}."
    if limits == [Limit.PORTS]:
        return "No port where it may end lets it in after a visit before the forecast ends."
    worst = CODES.get(limits[0]) if limits else None
    return _alone(day, v, worst or Code(int(np.bincount(codes).argmax())))


#: Limits that close patches at times, and those that end a trip.
SHUTTING = {Limit.WAVES: Shut.WAVES, Limit.WIND: Shut.WIND, Limit.DAYLIGHT: Shut.NIGHT, Limit.CLOSED: Shut.CLOSED_AREA}
CODES = {Limit.ENDURANCE: Code.ENDURANCE, Limit.FUEL: Code.FUEL, Limit.CREW: Code.CREW, Limit.HOLD: Code.HOLD,
         Limit.HORIZON: Code.HORIZON}  # fmt: skip


def _said(day: Day, v: int, limit: Limit) -> str:
    """A limit with its numbers, as a part of a sentence."""
    if limit in SHUTTING:
        return _cause(day, v, np.unique(day.shares.patch), SHUTTING[limit])
    row = day.crews[v].row
    return {
        Limit.ENDURANCE: f"endurance of {float(row['endurance']):.0f} h",
        Limit.FUEL: f"{float(row['fuel']):.0f} l of fuel",
        Limit.CREW: f"crew on duty for {float(row['max_work']):g} h at most",
        Limit.HOLD: f"room for {float(day.problem.vessel[v, V.HOLD_LEFT]):.0f} kg",
        Limit.PORTS: "opening hours of the ports",
        Limit.HORIZON: f"end of the forecast after {day.horizon_s / 3600:.0f} h",
    }[limit]


def _alone(day: Day, v: int, worst: Code) -> str:
    """The sentence for one limit that a vessel meets everywhere."""
    crew = day.crews[v]
    hours = float(crew.row["endurance"])
    if worst == Code.ENDURANCE:
        reserve = crew.reserve_s / 3600
        return (
            f"No patch can be reached and left again within its endurance of {hours:.0f} h (reserve {reserve:.1f} h)."
        )
    if worst == Code.HOLD:
        left = float(day.problem.vessel[v, V.HOLD_LEFT])
        return f"The hold has room for {left:.0f} kg only, and no unloading port is in reach."
    if worst == Code.HORIZON:
        return f"No patch can be served and a port reached before the forecast ends ({day.horizon_s / 3600:.0f} h)."
    if worst == Code.OUTRUN:
        return "Every patch drifts faster than it sails."
    if worst == Code.TRANSIT:
        return "The sea is too rough to sail in."
    if worst == Code.CREW:
        work = float(crew.row["max_work"])
        return f"No patch can be reached and worked within the {work:g} h that the crew may be on duty without a rest."
    if worst == Code.FUEL:
        return f"No patch can be reached and left again with the {float(crew.row['fuel']):.0f} l of fuel on board."
    cause = _main_cause(day, v, np.unique(day.shares.patch))
    return f"No working window: {cause}." if cause else "No window in which a whole visit fits."


def why_patch_unserved(day: Day, patch: int, routes: list[list[int]], values: list[float]) -> tuple[str, str]:
    """The one reason why nobody collects a patch: its kind (``names.LEFT_FOR``) and a sentence.

    Args:
        day: the problem.
        patch: the patch.
        routes: shares in order for each vessel.
        values: net value of each vessel's route.
    """
    shares = np.flatnonzero(day.shares.patch == patch)
    found = float(day.patches.found[patch, 0])
    if not len(shares):
        if day.patches.kg[:, patch].mean(axis=0).max() <= 0 or found < 0.05:
            return "doubt", f"Too uncertain: within reach in {100 * found:.0f} % of the forecasts only."
        return "small", "Less debris than the shares of other patches that were offered to the search."
    codes = np.array([first_limit(day.problem, v, int(shares[0])) for v in range(len(day.crews))])
    if (codes == Code.OK).any():
        return "worth", _price_of(day, int(shares[0]), np.flatnonzero(codes == Code.OK), routes, values)
    return _nobody(day, patch, codes)


def _price_of(day: Day, share: int, able: NDArray[np.int64], routes: list[list[int]], values: list[float]) -> str:
    """What forcing a share into the cheapest route would cost."""
    best = -np.inf
    for v in able:
        route = np.asarray(routes[v], np.int64)
        best = max(best, float(insertion.best_with(day.problem, int(v), route, share, MOST_DROPPED)) - values[v])
    if best >= 0:
        return "Worth no more than the sailing to it."
    return f"Lower value than the tasks chosen: taking it would cost {-best:.0f} kg elsewhere."


def _nobody(day: Day, patch: int, codes: NDArray[np.int64]) -> tuple[str, str]:
    """Why no vessel can serve a patch even alone: kind and sentence."""
    worst = Code(int(np.bincount(codes).argmax()))
    v = int(np.flatnonzero(codes == worst)[0])
    if (day.zone[patch] >= 0).mean() > 0.5:
        return "closed", "It lies in a closed area."
    if worst == Code.WINDOW:
        return _no_window(day, patch)
    return {
        Code.ENDURANCE: ("reach", "Out of range: no vessel reaches it and a port within its endurance."),
        Code.HORIZON: ("reach", "Out of range: no vessel serves it and is back before the forecast ends."),
        Code.HOLD: ("hold", f"No room in the hold of any vessel in reach ({day.crews[v].row['name']})."),
        Code.OUTRUN: ("lost", "It drifts faster than any vessel sails."),
        Code.TRANSIT: ("sea", "The sea on the way to it is too rough."),
        Code.NOT_ALLOWED: ("barred", "No vessel is allowed to work there."),
        Code.CREW: ("reach", "No crew may be on duty for as long as the way to it and the work take."),
        Code.FUEL: ("reach", "Out of range: no vessel has the fuel for the way there and back."),
    }.get(worst, ("reach", "No vessel can serve it."))


def _no_window(day: Day, patch: int) -> tuple[str, str]:
    """Why a patch is never open for a whole visit: kind and sentence."""
    fate = day.patches
    gone = np.flatnonzero(fate.afloat[patch] < 0.2)
    shut = day.shut[:, patch]
    counts = np.bincount(shut.ravel(), minlength=len(Shut))
    if counts[Shut.CLOSED_AREA] > counts[Shut.OPEN]:
        return "closed", "It lies in a closed area."
    if len(gone):
        how = "strands" if fate.stranded[patch, gone[0]] > 0.4 else "leaves the region"
        return "lost", f"It {how} by {clock(day.issue, gone[0] * fate.step)}, before a vessel can reach it."
    if counts[Shut.WAVES] or counts[Shut.WIND]:
        most = int(np.argmax((shut == Shut.OPEN).sum(axis=1)))
        return "sea", f"No vessel may work there: {shut_until(day, most, patch)}."
    return "dark", "No window of daylight in which a whole visit fits."


def binding_limits(
    day: Day, v: int, tasks: list[int], end: float, hold_left: float, deadline: float, fuel_left: float = np.inf,
    rests: bool = False,
) -> list[str]:  # fmt: skip
    """Limits that keep a vessel's route from being longer."""
    binding = []
    row = day.crews[v].row
    if hold_left < 0.05 * float(row["hold"]):
        binding.append("hold")
    if deadline - day.crews[v].reserve_s - end < 2 * 3600:
        binding.append("endurance")
    if float(day.problem.vessel[v, V.TANK]) > 0 and fuel_left < 0.15 * float(day.problem.vessel[v, V.TANK]):
        binding.append("fuel")
    if rests:
        binding.append("crew hours")
    if day.horizon_s - end < 3 * 3600:
        binding.append("horizon")
    patches = np.unique(day.shares.patch[tasks]) if tasks else np.zeros(0, np.int64)
    codes = day.shut[v, patches]
    if row["daylight_only"] and (codes == Shut.NIGHT).any():
        binding.append("daylight")
    if (codes == Shut.WAVES).any() or (codes == Shut.WIND).any():
        binding.append("waves" if (codes == Shut.WAVES).any() else "wind")
    return binding
