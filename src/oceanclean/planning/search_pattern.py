"""Where to look for a patch that is not where the forecast has it: the expanding square of search and rescue."""

from __future__ import annotations

import math

from oceanclean.planning.model import Search

#: Farthest that a search goes, nautical miles: beyond it the alternate is the better use of the day.
FARTHEST_NM = 8.0


def search_radius_nm(
    found_probability: float | None, within_m: float, covers: float, patch_m: float = 0.0
) -> float | None:
    """How far to search so as to come upon a patch with the chance ``covers``.

    The patch's middle is taken as a circular normal around the forecast one, so that it lies within r with the chance
    ``1 − exp(−r² / 2σ²)`` (Rayleigh distribution). A patch is come upon half its radius before its middle: a search as
    wide as the patch itself would look for what it is already in.

    Args:
        found_probability: chance that the middle lies within ``within_m`` and the patch's radius; None or 0: unknown.
        within_m: distance without the patch's radius.
        covers: chance wanted.
        patch_m: 2σ radius of the patch.

    Returns:
        Nautical miles, at most :data:`FARTHEST_NM`; None where the chance is unknown.
    """
    if found_probability is None or found_probability <= 0:
        return None
    known = min(found_probability, 0.999)
    middle_m = (within_m + patch_m) * math.sqrt(math.log(1 - covers) / math.log(1 - known))
    return min(FARTHEST_NM, max(0.0, middle_m - 0.5 * patch_m) / 1852.0)


def chance_within(radius_nm: float, found_probability: float, within_m: float, patch_m: float = 0.0) -> float:
    """Chance of coming upon a patch with a search of this radius: :func:`search_radius_nm` the other way round."""
    known = min(found_probability, 0.999)
    share = (radius_nm * 1852.0 + 0.5 * patch_m) / (within_m + patch_m)
    return 1.0 - math.exp(math.log(1 - known) * share**2)


def expanding_square(
    radius_nm: float, spacing_nm: float, first_course_deg: float, speed_kn: float, covers: float
) -> Search:
    """Expanding square search (IAMSAR Manual, volume III: SS): legs of 1, 1, 2, 2, 3, 3 … spacings, turns to the right.

    Args:
        radius_nm: what is seen from the legs reaches this far on all sides.
        spacing_nm: distance between tracks: twice as far as debris is seen.
        first_course_deg: of the first leg; down the drift.
        speed_kn: at which it is sailed.
        covers: chance that the radius holds the patch.
    """
    # after four legs and one, the square's sides lie one spacing out on all sides; one sees half a spacing beyond
    rings = max(1, math.ceil(radius_nm / spacing_nm - 0.5))
    legs = [
        (round((first_course_deg + 90.0 * number) % 360.0, 1), round((number // 2 + 1) * spacing_nm, 2))
        for number in range(4 * rings + 1)
    ]
    distance = sum(length for _course, length in legs)
    return Search(round((rings + 0.5) * spacing_nm, 2), covers, round(spacing_nm, 2), legs, round(distance, 1),
                  round(distance / speed_kn, 2) if speed_kn > 0 else 0.0)  # fmt: skip
