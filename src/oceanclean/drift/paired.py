"""Two forecasters on the same starts of the same drifters: how far each ends from the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift.drifters import Tracks, load_tracks
from oceanclean.drift.fitting import starts_of
from oceanclean.drift.residual import Residual, load_forecaster
from oceanclean.drift.settings import DriftSettings
from oceanclean.drift.skill import Learned, Physics, cases_of
from oceanclean.errors import MissingDataError


@dataclass(frozen=True)
class PairedSeparations:
    """Separations of several forecasters from the same truth.

    Attributes:
        distance: (forecaster, start) km at the lead.
        drifter: (start) number of the drifter.
        left_out: starts that were left out because a forecaster was fitted on their days.
    """

    distance: NDArray[np.float64]
    drifter: NDArray[np.int64]
    left_out: int


def paired_separations(
    data_dir: Path, models: Sequence[Path | None], lead_h: int, settings: DriftSettings
) -> PairedSeparations:
    """Separation after a lead, from every start on days that none of the forecasters was fitted on.

    Args:
        data_dir: hourly tracks with forcing along them, see :mod:`oceanclean.drift.drifters`.
        models: fitted forecasters; None is plain physics.
        lead_h: hours ahead.
        settings: of the room.

    Raises:
        MissingDataError: no tracks, or no start is left.
    """
    tracks = load_tracks(data_dir)
    fitted = [load_forecaster(m) if m is not None else None for m in models]
    everywhere = np.ones(tracks.size, dtype=bool)
    starts = starts_of(tracks, everywhere, lead_h)
    unseen = starts[~_learned_from(tracks, starts, lead_h, fitted)]
    if unseen.size == 0:
        raise MissingDataError(data_dir, "starts", f"{starts.size}, all on days that a forecaster was fitted on",
                               "drifters of other days", "Add later drifters.")  # fmt: skip
    rows = []
    for model in fitted:
        forecast = Physics(tracks, settings, everywhere) if model is None else Learned(
            tracks, model, everywhere, settings
        )  # fmt: skip
        rows.append(cases_of(forecast, tracks, unseen, lead_h).distance[:, -1])
    return PairedSeparations(np.stack(rows), tracks.drifter[unseen], int(starts.size - unseen.size))


def _learned_from(
    tracks: Tracks, starts: NDArray[np.int64], lead_h: int, models: Sequence[Residual | None]
) -> NDArray[np.bool_]:
    """(start) True where the way lies on days that a forecaster was fitted on."""
    seen = np.zeros(starts.size, dtype=bool)
    for model in models:
        if model is not None and "hours" in model.about:
            first, last = model.about["hours"]
            begins = tracks.hours[starts]
            seen |= (begins <= last) & (begins + lead_h >= first)
    return seen
