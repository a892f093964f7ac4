"""Fitting the learned forecaster on a user's own drifters, with what it is worth chosen on later days."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift import carried
from oceanclean.drift import features as seen
from oceanclean.drift.displacement_doubt import Doubt, fitted_doubt, published_doubt
from oceanclean.drift.drifters import Tracks, load_tracks
from oceanclean.drift.forcing_files import gridded_forcing
from oceanclean.drift.informed import Informed, along, stokes_of
from oceanclean.drift.residual import Residual, track_vectors
from oceanclean.drift.sampling import sampled
from oceanclean.drift.settings import DriftSettings, ForecasterSettings, load_settings
from oceanclean.drift.windage import DROGUED, drifter_windage, mixture_windage

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
#: Leads at which the weight is chosen, hours.
_CHOOSING_H = (12, 24, 48)
#: Leads at which the doubt is fitted, hours.
_DOUBT_H = (1, 3, 6, 12, 24, 36, 48, 60, 72)
#: A drifter that the wind carries faster is none, share of the wind.
_MOST_WINDAGE = 0.06
#: Fewest starts at which a lead counts.
_ENOUGH = 60
#: Share of rows that must have a number for it to be offered to the trees.
_MOSTLY = 0.9


def fit(tracks: Tracks, rows: NDArray[np.bool_], room: DriftSettings, seed: int = 0) -> Residual:
    """Fit a forecaster on some rows of tracks.

    Args:
        tracks: hourly tracks with forcing.
        rows: (row) True for the training set.
        room: settings, see ``config/models/drift.yaml``.
        seed: of the trees.

    Returns:
        The forecaster; its weight is 0 where no correction did better than physics on later data.
    """
    settings = room.forecaster
    cut = np.quantile(tracks.hours[rows], settings.inner_share)
    early = rows & (tracks.hours < cut - 0.5 * settings.gap_h)
    late = rows & (tracks.hours >= cut + 0.5 * settings.gap_h)
    choice = _Choice(reason="too few days for a later block")
    if early.any() and late.any():
        choice = _chosen(tracks, early, late, room, seed)
    whole = _fit_parts(tracks, rows, room, seed, choice.extras)
    whole.windage = _drawn(whole.windage, _published(tracks, room), choice.share)
    if whole.trees is not None:
        whole.weight = choice.weight * _believed(tracks, late, settings)
    whole.doubt = _fit_doubt(whole, tracks, rows, room)
    whole.about |= {
        "trial": choice.record if choice.record else {"reason": choice.reason},
        "weight_on_later_days": choice.weight, "windage_share": choice.share, "extras": list(choice.extras),
        "drifter_hours": int(rows.sum()), "drifters": int(np.unique(tracks.drifter[rows]).size),
    }  # fmt: skip
    return whole


def offered(tracks: Tracks, settings: ForecasterSettings) -> tuple[str, ...]:
    """Those of the wanted extras that nearly every row has, and that differ between rows."""
    found = []
    for name in settings.extras:
        known = tracks.scalars.get(name)
        there = len(tracks.kinds) > 1 if name == "class" else known is not None
        if known is not None:
            there = bool(np.isfinite(known).mean() >= _MOSTLY and np.nanstd(known) > 0)
        if there:
            found.append(name)
    return tuple(found)


def _fit_parts(tracks: Tracks, rows: NDArray[np.bool_], room: DriftSettings, seed: int,
               extras: tuple[str, ...] = ()) -> Residual:  # fmt: skip
    """Windage by class, ridge and trees on the given rows; weight 1."""
    settings = room.forecaster
    windage = _fit_windage(tracks, rows, room)
    classes = {kind: push.real for kind, push in windage.items()}
    classes[""] = mixture_windage(room.windage, stokes=tracks.stokes is not None)
    model = Residual(windage, 1.0, np.zeros(len(seen.NAMES), dtype=np.complex128), None, published_doubt(),
                     _domain(tracks, rows, settings), room.windage.stokes_factor, {}, extras, classes)  # fmt: skip
    if rows.sum() < 20 * len(seen.NAMES):
        model.weight = 0.0
        return model
    residual = (tracks.observed - model.physics(tracks))[rows]
    x = track_vectors(tracks)[rows]
    scale = np.sqrt(np.mean(np.abs(x) ** 2, axis=0))
    used = scale > 1e-9
    a = x[:, used] / scale[used]
    normal = a.conj().T @ a + settings.ridge * len(a) * np.eye(a.shape[1])
    model.linear[used] = np.linalg.solve(normal, a.conj().T @ residual) / scale[used]
    turned = residual * np.conj(seen.wind_direction(x[:, seen.NAMES.index("wind")]))
    columns = seen.wind_frame(x, model.track_extras(tracks)[rows])
    model.trees = (_boosted(columns, turned.real, settings, seed), _boosted(columns, turned.imag, settings, seed))
    return model


def _boosted(columns: Floats, target: Floats, settings: ForecasterSettings, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        max_iter=settings.trees, max_leaf_nodes=settings.leaves, learning_rate=settings.learning_rate,
        min_samples_leaf=settings.rows_per_leaf, l2_regularization=settings.l2, early_stopping=False, random_state=seed,
    ).fit(columns, target)  # fmt: skip


def _fit_windage(tracks: Tracks, rows: NDArray[np.bool_], room: DriftSettings) -> dict[str, complex]:
    """Windage by class with the current's share held at 1, drawn towards the published; downwind only.

    Fitting the current's share too would shrink it on days of bad currents and fail in the next season. Drifters near
    one another show the same error: an hour counts as ``recent.independent_share`` of a sample (Bayesian regression).
    """
    recent = room.recent
    published = _published(tracks, room)
    beyond = tracks.observed - tracks.current - room.windage.stokes_factor * stokes_of(tracks)
    worth = recent.independent_share / recent.sigma_m_s**2
    found = {name: complex(push) for name, push in published.items()}
    for number, name in enumerate(tracks.kinds):
        own = rows & (tracks.kind == number)
        wind, rest = tracks.wind[own], beyond[own]
        power, doubt = worth * np.vdot(wind, wind).real, 1.0 / recent.wind**2
        share = (worth * np.vdot(wind, rest).real + published[name] * doubt) / (power + doubt)
        found[name] = complex(min(max(share, 0.0), _MOST_WINDAGE))
    return found


def _published(tracks: Tracks, room: DriftSettings) -> dict[str, float]:
    """Windage that ships for each type of drifter, for one of unknown make (""), and for one on a drogue."""
    stokes = tracks.stokes is not None
    return {kind: drifter_windage(room.windage, kind, stokes=stokes) for kind in ("", DROGUED, *tracks.kinds)}


def _drawn(windage: dict[str, complex], published: dict[str, float], share: float) -> dict[str, complex]:
    """Windage between the published (share 0) and the fitted (1); drifters without a type have a fitted one too."""
    return {kind: published[kind] + share * (push - published[kind]) for kind, push in windage.items()}


def _domain(tracks: Tracks, rows: NDArray[np.bool_], settings: ForecasterSettings) -> dict[str, Any]:
    lon, lat = tracks.lon[rows], tracks.lat[rows]
    wide, high = settings.domain_lon_deg, settings.domain_lat_deg
    return {
        "box": [float(lon.min() - wide), float(lon.max() + wide), float(lat.min() - high), float(lat.max() + high)],
        "current_m_s": float(np.quantile(np.abs(tracks.current[rows]), 0.999)),
        "wind_m_s": float(np.quantile(np.abs(tracks.wind[rows]), 0.999)),
        "stokes": tracks.stokes is not None,
    }  # fmt: skip


def starts_of(tracks: Tracks, rows: NDArray[np.bool_], lead: int, every_h: int = 6) -> NDArray[np.int64]:
    """Rows from which a forecast of ``lead`` hours can be scored: 25 h of history, the whole way within ``rows``."""
    index = np.arange(tracks.size)
    age = index - tracks.first
    ready = (age >= carried.HISTORY_H) & ((age - carried.HISTORY_H) % every_h == 0) & (tracks.last - index >= lead)
    found = np.flatnonzero(ready & rows)
    return found[rows[found + lead]]


@dataclass(frozen=True)
class _Choice:
    """What later data chose.

    Attributes:
        share: of the fitted windage.
        weight: of the learned correction.
        extras: numbers that the trees see beside the vectors.
        record: candidates with their mean errors.
        reason: why there was nothing to choose.
    """

    share: float = 0.0
    weight: float = 0.0
    extras: tuple[str, ...] = ()
    record: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


def _chosen(tracks: Tracks, early: NDArray[np.bool_], late: NDArray[np.bool_], room: DriftSettings,
            seed: int) -> _Choice:  # fmt: skip
    """Share of the fitted windage, weight and extras of the correction with the least mean error on later data.

    The candidates follow the later drifters as the forecast does, so that only what adds to that is taken. Extras are
    taken where they lessen the error by ``extras_gain`` on the mean over the leads.
    """
    settings = room.forecaster
    trial = _Trial(tracks, late, room)
    if not trial.counted:
        return _Choice(reason="no later starts to choose on")
    model = _fit_parts(tracks, early, room, seed)
    fitted, published = model.windage, _published(tracks, room)
    drawn = [_drawn(fitted, published, s) for s in settings.weights]
    share, _ = trial.best("windage", settings.weights, [trial.mean_km(model, push, None, 0.0) for push in drawn])
    if model.trees is None:
        return _Choice(share, record=trial.record)
    push = drawn[settings.weights.index(share)]
    weight, least = trial.weighed("weight", model, fitted, push)
    beside = offered(tracks, settings)
    if beside:
        wider = _fit_parts(tracks, early, room, seed, beside)
        other, found = trial.weighed("weight_with_extras", wider, fitted, push)
        if found < (1.0 - settings.extras_gain) * least:
            return _Choice(share, other, beside, trial.record)
    return _Choice(share, weight, (), trial.record)


class _Trial:
    """Scores candidates on later starts and keeps the record.

    Args:
        tracks: the drifters.
        late: (row) the later block.
        room: settings.
    """

    def __init__(self, tracks: Tracks, late: NDArray[np.bool_], room: DriftSettings) -> None:
        self.tracks, self.late, self.room = tracks, late, room
        starts = {lead: starts_of(tracks, late, lead) for lead in _CHOOSING_H}
        self.counted = {lead: at for lead, at in starts.items() if at.size >= _ENOUGH}
        self.record: dict[str, Any] = {}

    def mean_km(self, model: Residual, windage: dict[str, complex], learned: Complex | None,
                weight: float) -> list[float]:  # fmt: skip
        """Mean separation at every lead."""
        model.windage = windage
        known = Informed(self.tracks, model.physics(self.tracks), learned, weight, self.late, self.room.recent)
        truth = self.tracks.observed
        return [float(np.abs(known.displacement(at, lead) - along(truth, at, lead)[:, -1]).mean())
                for lead, at in self.counted.items()]  # fmt: skip

    def best(self, name: str, candidates: tuple[float, ...], means: list[list[float]]) -> tuple[float, float]:
        """The candidate with the least error relative to the first, and that sum over leads in units of the first."""
        relative = (np.array(means) / np.array(means[0])).sum(axis=1)
        leads = zip(self.counted, np.array(means).T.round(3).tolist(), strict=True)
        self.record[name] = {"candidates": list(candidates), "mean_km": {str(lead): values for lead, values in leads}}
        return candidates[int(np.argmin(relative))], float(relative.min())

    def weighed(self, name: str, model: Residual, fitted: dict[str, complex],
                push: dict[str, complex]) -> tuple[float, float]:  # fmt: skip
        """Best weight of a correction and its error; the first candidate of both kinds of correction is the same."""
        model.windage = fitted
        learned = model.correction(track_vectors(self.tracks), 1.0, model.track_extras(self.tracks))
        weights = self.room.forecaster.weights
        return self.best(name, weights, [self.mean_km(model, push, learned, w) for w in weights])


def _believed(tracks: Tracks, late: NDArray[np.bool_], settings: ForecasterSettings) -> float:
    """Share of the chosen weight that is believed in another season: few days hold few kinds of weather.

    It is where the weight begins; drifters that report draw it up or down (:mod:`oceanclean.drift.recent`).
    """
    windows = float(np.ptp(tracks.hours[late])) / carried.LONGEST_H if late.any() else 0.0
    return windows / (windows + settings.season_windows) if windows > 0 else 0.0


def _fit_doubt(model: Residual, tracks: Tracks, rows: NDArray[np.bool_], room: DriftSettings) -> Doubt:
    """Size of the error by lead, and the radii that hold half and nine tenths of it.

    The errors are those of physics that follows the drifters: the trees would flatter themselves on their own rows.
    Many drifters over few days are few samples of the weather: what is found is drawn towards the published error,
    whose worth is counted in windows of the lead's length.
    """
    known = Informed(tracks, model.physics(tracks), None, 0.0, rows, room.recent)
    span_h = float(np.ptp(tracks.hours[rows])) if rows.any() else 0.0
    leads: list[int] = []
    errors, variances, worth = [], [], []
    for lead in _DOUBT_H:
        starts = starts_of(tracks, rows, lead)
        if starts.size < _ENOUGH:
            break
        leads.append(lead)
        errors.append(known.displacement(starts, lead) - along(tracks.observed, starts, lead)[:, -1])
        variances.append(known.variance(starts, lead))
        worth.append(span_h / lead / (span_h / lead + room.forecaster.doubt_prior_windows))
    return fitted_doubt(leads, errors, variances, worth)


def training_tracks(folder: Path) -> Tracks:
    """Tracks with their forcing: as the tables hold it, else read from the gridded forcing beside them.

    Raises:
        MissingDataError: no tracks, or none within the forcing.
        InputError: tables or forcing that cannot be used.
    """
    tracks = load_tracks(folder)
    forcing = None if tracks.products else gridded_forcing(folder)
    return tracks if forcing is None else sampled(tracks, forcing, str(folder))


def train_forecaster(data_dir: Path, out_file: Path, settings: DriftSettings | None = None) -> dict[str, Any]:
    """Fit a forecaster on a folder of drifter tracks and write it with its sidecar.

    Args:
        data_dir: folder of hourly tracks with forcing, or of fixes with gridded forcing beside them, see
            :mod:`oceanclean.drift.drifters`.
        out_file: skops file to write; ``.json`` beside it says where the forecaster may be used.
        settings: of the room; those of the configuration folder if None.

    Returns:
        The training record.

    Raises:
        MissingDataError: no tracks.
        InputError: tracks without the columns needed.
    """
    settings = settings or load_settings()
    tracks = training_tracks(Path(data_dir))
    model = fit(tracks, np.ones(tracks.size, dtype=bool), settings)
    model.about |= {"hours": [float(tracks.hours.min()), float(tracks.hours.max())],
                    "notes": list(tracks.report), "products": sorted(tracks.products),
                    "windage": {k or "unknown": round(v.real, 4) for k, v in model.windage.items()}}  # fmt: skip
    model.save(Path(out_file))
    return {"file": str(out_file), "domain": model.domain, "weight": model.weight, **model.about}


__all__ = ["fit", "starts_of", "train_forecaster", "training_tracks"]
