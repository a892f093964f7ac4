"""Skill of the drift forecast on drifters: along observed tracks, beside every honest baseline.

Along-track protocol: from each start (every 6 h, 25 h of history) the predicted minus the observed hourly velocity is
integrated with the forcing at the observed positions. It is optimistic (forcing at the true place) and equally so for
all rows. Folds of the blocked protocol are blocked by drifter *and* by time with a 25 h gap: blocked by drifter alone
a booster looks better than it is, and that leak is printed as a health figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift import carried, scores
from oceanclean.drift import free_running as free
from oceanclean.drift.displacement_doubt import GAUSS
from oceanclean.drift.drifters import Tracks, load_tracks
from oceanclean.drift.features import trailing_mean
from oceanclean.drift.fields import CURRENT
from oceanclean.drift.fitting import fit, starts_of
from oceanclean.drift.forcing_files import gridded_forcing
from oceanclean.drift.informed import Informed, along, published_physics
from oceanclean.drift.residual import Residual, load_forecaster
from oceanclean.drift.sampling import covered_rows, in_a_gap, sampled, without_members
from oceanclean.drift.settings import DriftSettings, load_settings
from oceanclean.drift.windage import drifter_windage
from oceanclean.errors import InputError, MissingDataError, SettingsError

if TYPE_CHECKING:
    import xarray as xr

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Index = NDArray[np.int64]

HORIZONS_H = (6, 24, 48, 72)
BASELINES = ("no_motion", "persistence_25h", "current", "current_plus_2pct", "current_plus_3pct")
DRIFTER_FOLDS, TIME_BLOCKS, GAP_H = 5, 2, 25.0
_SCORES = ("separation_mean_km", "separation_median_km", "skill_score", "skill_score_unclipped", "coverage_50",
           "coverage_90", "area_90_km2", "energy_score_km", "pit")  # fmt: skip
_DRAWS = 200
_KM_PER_MS_H = 3.6


@dataclass(frozen=True)
class Cases:
    """Forecasts from some starts over one horizon.

    Attributes:
        start: (start) row of the tracks.
        error: (start) forecast minus truth at the horizon, km.
        distance: (start, hour) separation at each hour, km.
        variance: (start) predicted variance a component, km2; 0 where the row gives no doubt.
        radius2: (start, 2) squared radii of the 50 and 90 % regions.
    """

    start: Index
    error: Complex
    distance: Floats
    variance: Floats
    radius2: Floats


class Physics(Informed):
    """What ships: published windage, priors and memory; it follows the drifters that report, and fits nothing.

    Args:
        tracks: the drifters.
        settings: of the room.
        rows: (row) drifters and times whose past may be looked at.
    """

    def __init__(self, tracks: Tracks, settings: DriftSettings, rows: NDArray[np.bool_]) -> None:
        super().__init__(tracks, published_physics(tracks, settings.windage), None, 0.0, rows, settings.recent)

    def doubt(self, starts: Index, lead: int) -> tuple[Floats, Floats]:
        """Variance and radii at a lead."""
        return self.variance(starts, lead), np.tile(GAUSS, (starts.size, 1))


class Learned(Informed):
    """A fitted forecaster, which follows the drifters that report in the same way; outside its domain what ships.

    Args:
        tracks: the drifters.
        model: the forecaster.
        rows: (row) drifters and times whose past may be looked at.
        settings: of the room.
    """

    def __init__(self, tracks: Tracks, model: Residual, rows: NDArray[np.bool_], settings: DriftSettings) -> None:
        self.model, self.outside = model, model.outside(tracks)
        physics = np.where(self.outside, published_physics(tracks, settings.windage), model.physics(tracks))
        super().__init__(tracks, physics, model.along_known_waters(tracks), model.weight, rows, settings.recent)

    def doubt(self, starts: Index, lead: int) -> tuple[Floats, Floats]:
        """Variance and radii at a lead; outside the domain the published ones."""
        doubt, out = self.model.doubt, self.outside[starts]
        scale = np.where(out, 1.0, doubt.scale[lead])
        return scale * self.variance(starts, lead), np.where(out[:, None], np.array(GAUSS), doubt.radius2[lead])


class Plain:
    """A baseline: a velocity along the track, or that of the hour before the start held; no doubt of its own."""

    def __init__(self, velocity: Complex, *, held: bool = False) -> None:
        self.velocity, self.held = velocity, held

    def paths(self, starts: Index, lead: int) -> Complex:
        """(start, hour 0..lead) predicted displacement, km."""
        if self.held:
            return _KM_PER_MS_H * self.velocity[starts - 1][:, None] * np.arange(lead + 1)
        return along(self.velocity, starts, lead)

    def doubt(self, starts: Index, lead: int) -> tuple[Floats, Floats]:  # noqa: ARG002
        """None: the forecast is a point."""
        return np.zeros(starts.size), np.tile(GAUSS, (starts.size, 1))


def baselines_of(tracks: Tracks) -> dict[str, Forecast]:
    """The rows that stand beside every forecast."""
    current, wind = tracks.current, tracks.wind
    return {
        "no_motion": Plain(np.zeros_like(current)),
        "persistence_25h": Plain(trailing_mean(tracks.observed, carried.HISTORY_H, tracks.first), held=True),
        "current": Plain(current),
        "current_plus_2pct": Plain(current + 0.02 * wind),
        "current_plus_3pct": Plain(current + 0.03 * wind),
    }


Forecast = Physics | Learned | Plain | free.FreeRunning


def cases_of(forecast: Forecast, tracks: Tracks, starts: Index, lead: int) -> Cases:
    """Score material of one forecast from given starts."""
    truth = along(tracks.observed, starts, lead)
    away = forecast.paths(starts, lead) - truth
    variance, radius2 = forecast.doubt(starts, lead)
    return Cases(starts, away[:, -1], np.abs(away[:, 1:]), variance, radius2)


def joined(parts: list[Cases]) -> Cases:
    """All folds' cases as one."""
    return Cases(*(np.concatenate([getattr(p, name) for p in parts]) for name in Cases.__dataclass_fields__))


def fold_rows(tracks: Tracks, seed: int = 0) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Drifter x time folds: (rows to fit on, rows to score on), 25 h apart in time and without a drifter in common."""
    drifters = np.unique(tracks.drifter)
    group = np.random.default_rng(seed).permutation(drifters.size) % DRIFTER_FOLDS
    of_row = group[np.searchsorted(drifters, tracks.drifter)]
    cut = np.median(tracks.hours)
    blocks = (tracks.hours < cut, tracks.hours >= cut)
    for fold in range(DRIFTER_FOLDS):
        for number, inside in enumerate(blocks):
            far = tracks.hours >= cut + GAP_H if number == 0 else tracks.hours < cut - GAP_H
            yield far & (of_row != fold), inside & (of_row == fold)


def drifter_folds(tracks: Tracks, seed: int = 0) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Folds by drifter alone, scored within the same time blocks: the leak is measured with these."""
    for _, score_rows in fold_rows(tracks, seed):
        yield ~np.isin(tracks.drifter, np.unique(tracks.drifter[score_rows])), score_rows


def evaluate_drift(data_dir: Path, model: Path | None = None, protocol: str = "shipped",
                   settings: DriftSettings | None = None) -> dict[str, Any]:  # fmt: skip
    """Score the forecast on a folder of drifter tracks.

    Args:
        data_dir: folder of hourly tracks with forcing along them, or of raw fixes with gridded forcing beside them
            (NetCDF, Zarr), which is then scored free-running (along the tracks where folds are refitted or the forcing
            has no current); see :mod:`oceanclean.drift.drifters`.
        model: a fitted forecaster; None for what ships (``shipped``).
        protocol: ``shipped`` scores physics or ``model`` on all starts; ``blocked`` refits in every fold.
        settings: of the room; those of the configuration folder if None.

    Returns:
        A record for JSON: scores by horizon ("6", "24", "48", "72"; null where no track is that long), the same for
        every baseline, and the gain over each with its 95 % interval (cluster bootstrap over drifters; negative is
        better). Where folds were refitted,
        ``shipped`` holds the scores of what ships in the same folds, and ``leak`` what blocking by drifter alone hides.

    Raises:
        MissingDataError: no tracks, or no start with 25 h of history and 6 h ahead.
        SettingsError: an unknown protocol, or a model together with refitting.
    """
    settings = settings or load_settings()
    if protocol not in ("shipped", "blocked") or (protocol == "blocked" and model is not None):
        raise SettingsError("evaluate drift", "protocol", f"{protocol!r} with model {model}", "'shipped' or 'blocked'",
                            "Refitting in folds ('blocked') takes no model.")  # fmt: skip
    tracks = load_tracks(Path(data_dir))
    forcing = None if tracks.products else gridded_forcing(Path(data_dir))
    if forcing is not None and (protocol == "blocked" or CURRENT[0] not in forcing):
        tracks, forcing = sampled(tracks, forcing, str(data_dir)), None  # what is refitted is fitted along the tracks
    if forcing is not None:
        return _free_running(tracks, forcing, data_dir, model, settings)
    everywhere = np.ones(tracks.size, dtype=bool)
    if starts_of(tracks, everywhere, HORIZONS_H[0]).size == 0:
        raise MissingDataError(
            data_dir, "starts", "none", "tracks of more than 31 h without a gap", "Add longer tracks."
        )
    used = "physics with published priors" if model is None else str(model)
    notes = list(tracks.report)
    folds: list[tuple[Forecast, NDArray[np.bool_]]]
    if protocol == "blocked":
        folds = _refitted(tracks, fold_rows(tracks), settings)
        used = "refitted in every drifter x time fold"
    elif model is None:
        folds = [(Physics(tracks, settings, everywhere), everywhere)]
    else:
        fitted = load_forecaster(Path(model))
        notes += [*_overlap(fitted, tracks), *fitted.strangeness(tracks)]
        folds = [(Learned(tracks, fitted, everywhere, settings), everywhere)]
    record = _scored(folds, tracks, baselines_of(tracks))
    record |= {"protocol": protocol, "model": used, "data": str(data_dir), "notes": notes}
    record["leak"] = None
    if protocol == "blocked":
        plain: list[tuple[Forecast, NDArray[np.bool_]]] = [(Physics(tracks, settings, test), test) for _, test in folds]
        record["shipped"] = _scored(plain, tracks, baselines_of(tracks))
        record["leak"] = _leak(tracks, settings, record)
    return record


def _overlap(model: Residual, tracks: Tracks) -> list[str]:
    """Warn where a forecaster is scored on the days that it was fitted on."""
    first, last = model.about.get("hours", (np.inf, -np.inf))
    shared = float(((tracks.hours >= first) & (tracks.hours <= last)).mean())
    if shared == 0.0:
        return []
    return [f"{shared:.0%} of the rows lie on days that the forecaster was fitted on: these figures flatter"]


def _refitted(
    tracks: Tracks, folds: Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]], settings: DriftSettings
) -> list[tuple[Forecast, NDArray[np.bool_]]]:
    """A forecaster for every fold, beside the rows it is scored on; folds with nothing to fit or score on fall out."""
    kept = [(train, test) for train, test in folds if train.any() and starts_of(tracks, test, HORIZONS_H[0]).size]
    if not kept:
        raise MissingDataError(
            "evaluate drift", "drifter x time folds", "none with rows to fit on and starts to score",
            "several drifters over more than a week", "Add tracks or leave the blocked protocol out.",
        )  # fmt: skip
    return [(Learned(tracks, fit(tracks, train, settings), test, settings), test) for train, test in kept]


def _free_running(tracks: Tracks, forcing: xr.Dataset, data_dir: Path, model: Path | None,
                  settings: DriftSettings) -> dict[str, Any]:  # fmt: skip
    """Score particles let go at the drifters' places and carried by gridded forcing."""
    notes = [*tracks.report, *filter(None, [str(forcing.attrs.get("joined", ""))])]
    tracks, forcing = _within(tracks, without_members(forcing), data_dir, notes)
    rows = covered_rows(tracks, forcing, str(data_dir))
    starts = free.wet(tracks, forcing, starts_of(tracks, rows, HORIZONS_H[0]))
    if starts.size == 0:
        raise MissingDataError(data_dir, "starts", "none within the forcing", "tracks of more than 31 h inside it",
                               "Add forcing for the tracks' days and places.")  # fmt: skip
    rows = rows & np.isin(tracks.first, tracks.first[starts])
    explicit = free.has_stokes(forcing)
    used, carried = "physics with published priors, free-running", forcing
    push = np.array([drifter_windage(settings.windage, kind, stokes=explicit) for kind in tracks.kinds])
    if model is not None:
        fitted = load_forecaster(Path(model))
        carried, said = fitted.correct(forcing)
        used, notes = f"{model}, free-running", [*notes, *_overlap(fitted, tracks), *said]
        if not fitted.foreign(forcing):  # the residual is what the fitted windage leaves
            push = np.array([fitted.windage_of(kind).real for kind in tracks.kinds])
    waves = settings.windage.stokes_factor if explicit else 0.0
    ours = free.FreeRunning(tracks, carried, starts, push, waves, settings, doubtful=True)
    plain: dict[str, Forecast] = {n: f for n, f in baselines_of(tracks).items() if not n.startswith("current")}
    for name, share in (("current", 0.0), ("current_plus_2pct", 0.02), ("current_plus_3pct", 0.03)):
        plain[name] = free.FreeRunning(tracks, forcing, starts, share, 0.0, settings)
    record = _scored([(ours, rows)], tracks, plain, set(starts.tolist()))
    return record | {"protocol": "free-running", "model": used, "data": str(data_dir), "notes": notes, "leak": None}


def _within(tracks: Tracks, forcing: xr.Dataset, data_dir: Path, notes: list[str]) -> tuple[Tracks, xr.Dataset]:
    """Tracks without the hours at which the forcing has a gap; no start runs across one, and the reader is told.

    Raises:
        InputError: no fix lies within the forcing, but all do once longitude and latitude are exchanged.
    """
    source = str(data_dir)
    exchanged = replace(tracks, lon=tracks.lat, lat=tracks.lon)
    if not covered_rows(tracks, forcing, source).any() and covered_rows(exchanged, forcing, source).any():
        raise InputError(data_dir, "lon, lat", "fixes that lie within the forcing once they are exchanged",
                         "degrees east and north", "lon and lat look swapped: exchange the columns.")  # fmt: skip
    missing = in_a_gap(tracks, forcing, source)
    if not missing.any():
        return tracks, forcing
    notes.append(f"{int(missing.sum())} drifter-hours lie in gaps of the forcing: no start runs across one")
    return tracks.where(~missing), forcing


def _scored(folds: list[tuple[Forecast, NDArray[np.bool_]]], tracks: Tracks, plain: Mapping[str, Forecast],
            only: set[int] | None = None) -> dict[str, Any]:  # fmt: skip
    """Scores of the forecast, of the baselines, and the gain over each; ``only`` from some starts."""
    record: dict[str, Any] = {"baselines": {name: {} for name in BASELINES}, "gain_over": {n: {} for n in BASELINES}}
    for lead in HORIZONS_H:
        starts = [_of(starts_of(tracks, test, lead), only) for _, test in folds]
        if sum(s.size for s in starts) == 0:
            _add_nothing(record, lead)
            continue
        ours = joined([cases_of(f, tracks, s, lead) for (f, _), s in zip(folds, starts, strict=True)])
        _add(record, _summary(ours, tracks, lead), lead)
        for name, forecast in plain.items():
            theirs = cases_of(forecast, tracks, ours.start, lead)
            _add(record["baselines"][name], _summary(theirs, tracks, lead), lead)
            record["gain_over"][name][str(lead)] = _gain(ours, theirs, tracks)
    whole = np.concatenate([_of(starts_of(tracks, test, HORIZONS_H[0]), only) for _, test in folds])
    for row in (record, *record["baselines"].values()):
        row["drifters"], row["starts"] = int(np.unique(tracks.drifter[whole]).size), int(whole.size)
    return record


def _add_nothing(record: dict[str, Any], lead: int) -> None:
    """A horizon that no track reaches stands as null in every row, so that the record has the same keys everywhere."""
    nothing = dict.fromkeys(_SCORES) | {"drifters_by_horizon": 0, "starts_by_horizon": 0}
    for row in (record, *record["baselines"].values()):
        _add(row, nothing, lead)
    for gains in record["gain_over"].values():
        gains[str(lead)] = None


def _of(starts: Index, only: set[int] | None) -> Index:
    return starts if only is None else starts[[int(start) in only for start in starts]]


def _add(row: dict[str, Any], summary: dict[str, Any], lead: int) -> None:
    for name, value in summary.items():
        row.setdefault(name, {})[str(lead)] = value


def _summary(cases: Cases, tracks: Tracks, lead: int) -> dict[str, Any]:
    """All scores of one row at one horizon."""
    rng = np.random.default_rng(lead)
    steps = np.abs(np.diff(along(tracks.observed, cases.start, lead), axis=1))
    skill = scores.liu_weisberg(cases.distance, np.cumsum(steps, axis=1))
    finite = skill[np.isfinite(skill)]
    last = cases.distance[:, -1]
    return {
        "separation_mean_km": round(float(last.mean()), 3),
        "separation_median_km": round(float(np.median(last)), 3),
        "skill_score": round(float(np.maximum(finite, 0).mean()), 4),
        "skill_score_unclipped": round(float(finite.mean()), 4),
        "coverage_50": round(_coverage(cases, 0), 4),
        "coverage_90": round(_coverage(cases, 1), 4),
        "area_90_km2": round(float((np.pi * cases.radius2[:, 1] * cases.variance).mean()), 1),
        "energy_score_km": round(float(scores.energy_score(cases.error, cases.variance, _DRAWS, rng).mean()), 3),
        "pit": scores.pit_histogram(cases.error, cases.variance),
        "drifters_by_horizon": int(np.unique(tracks.drifter[cases.start]).size),
        "starts_by_horizon": int(cases.start.size),
    }


def _coverage(cases: Cases, region: int) -> float:
    return float((np.abs(cases.error) ** 2 <= cases.radius2[:, region] * cases.variance).mean())


def _gain(ours: Cases, theirs: Cases, tracks: Tracks) -> dict[str, Any]:
    """Mean separation minus the baseline's; negative is better."""
    difference = ours.distance[:, -1] - theirs.distance[:, -1]
    interval = scores.bootstrap_interval(difference, tracks.drifter[ours.start], np.random.default_rng(1))
    mean = float(difference.mean())
    reference = float(theirs.distance[:, -1].mean())
    percent = round(100.0 * mean / reference, 2) if reference > 0 else None
    return {"difference_km": round(mean, 3), "interval_km": interval, "percent": percent}


def _leak(tracks: Tracks, settings: DriftSettings, blocked: dict[str, Any]) -> dict[str, Any]:
    """How much better the same forecaster looks when folds are blocked by drifter alone."""
    leaky = _scored(_refitted(tracks, drifter_folds(tracks), settings), tracks, baselines_of(tracks))
    found = {}
    for lead in map(str, HORIZONS_H):
        if blocked["separation_mean_km"][lead] is not None and leaky["separation_mean_km"][lead] is not None:
            honest, flattering = blocked["separation_mean_km"][lead], leaky["separation_mean_km"][lead]
            found[lead] = round(100.0 * (honest - flattering) / honest, 2)
    meaning = "how much smaller the mean separation looks when folds share their days with the fit"
    return {"percent_by_horizon": found, "meaning": meaning}


__all__ = ["BASELINES", "HORIZONS_H", "evaluate_drift"]
