"""How much sea a vessel works through: what its mouth sweeps, and what its lookout leads it to.

Debris gathers in windrows. A crew by day does not sweep a patch blindly: it sees a windrow from afar, steers for it and
works along it. The time to take a kilogram is then the time to find it plus the time to take it aboard,

    1 / (2 s v_search ρ)  +  1 / (m v_collect ρ_w),

with sight s, mouth m, density ρ of the patch and ρ_w inside a windrow. Over ρ that is an area rate, comparable with the
m v_collect of a blind sweep, and the random-search law of a share (Koopman 1956, Operations Research 4(5), 503-531)
holds for both. What floats in no windrow is only swept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from oceanclean.allocation.options import SeaSettings

Floats = NDArray[np.float64]


def area_rates(
    swath: Floats, collect_speed: Floats, transit_speed: Floats, works_at_night: NDArray[np.bool_],
    density: float | Floats,
    daylight: float, sea: SeaSettings, drone: NDArray[np.bool_] | None = None,
) -> Floats:  # fmt: skip
    """Area that each vessel works through a second.

    Args:
        swath: (vessel) mouth width, m.
        collect_speed: (vessel) speed through water with the gear out, m/s.
        transit_speed: (vessel) m/s; nobody searches faster.
        works_at_night: (vessel) collects in the dark too, when a lookout sees nothing.
        density: of the day's patches (or of each vessel's), kg km⁻²; the denser, the more time goes into taking aboard.
        daylight: share of the planned hours that are day.
        sea: sight, windrows, part of the time spent sweeping.
        drone: (vessel) a drone on board sees farther; none by default.

    Returns:
        (vessel) m²/s.
    """
    blind = swath * collect_speed
    if sea.sight_m == 0 or sea.windrow_share == 0:
        return blind * sea.sweep_use
    search_speed = np.minimum(collect_speed * sea.search_speed_factor, transit_speed)
    taking = density / (blind * sea.windrow_kg_km2)
    sight = np.where(
        np.zeros(len(swath), bool) if drone is None else drone, max(sea.drone_sight_m, sea.sight_m), sea.sight_m
    )
    led = 1 / (1 / (2 * sight * search_speed) + taking)
    lookout = sea.windrow_share * np.where(works_at_night, daylight, 1.0)
    # a lookout never makes a crew slower than sweeping blindly
    return (lookout * np.maximum(led, blind) + (1 - lookout) * blind) * sea.sweep_use
