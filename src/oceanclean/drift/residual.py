"""The learned forecaster: what drifters do beyond physics, fitted on a user's own tracks, used only where it holds.

Physics is current + windage x wind (+ Stokes drift). The residual is a ridge regression on complex features plus
gradient-boosted trees in the wind's frame, half each, times a weight in [0, 1] chosen on later data than it was
fitted on: with 0, plain physics wins. The windage of each class is chosen in the same way between published and fitted.
What drifters that report show is followed as it is without a forecaster (:mod:`oceanclean.drift.informed`), and the
choice is made with it: nothing is taken that they would show anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from oceanclean.drift import carried
from oceanclean.drift import features as seen
from oceanclean.drift.displacement_doubt import Doubt, fitted_doubt, published_doubt
from oceanclean.drift.drifters import Tracks, load_tracks
from oceanclean.drift.informed import Informed, along
from oceanclean.drift.settings import DriftSettings, ForecasterSettings, load_settings
from oceanclean.drift.windage import drifter_windage
from oceanclean.errors import InputError, MissingDataError
from oceanclean.products import names
from oceanclean.store import write_aside, write_json

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
FORMAT = 2
#: Leads at which the weight is chosen, hours.
_CHOOSING_H = (12, 24, 48)
#: Leads at which the doubt is fitted, hours.
_DOUBT_H = (1, 3, 6, 12, 24, 36, 48, 60, 72)
#: A drifter that the wind carries faster is none, share of the wind.
_MOST_WINDAGE = 0.06
#: Fewest starts at which a lead counts.
_ENOUGH = 60
#: Share of sea cells outside the learned ranges above which a field is left to physics.
_STRANGE = 0.2


@dataclass
class Residual:
    """A fitted forecaster.

    Attributes:
        windage: complex windage by class name; "" for unknown classes.
        weight: share of the learned correction, 0 to 1.
        linear: (feature) complex ridge weights.
        trees: two regressors, downwind and crosswind, or None.
        doubt: error model, see :class:`Doubt`.
        domain: where it may be used: box, speeds, Stokes drift.
        stokes_factor: share of the Stokes drift that carries a drifter.
        about: training record for the sidecar.
    """

    windage: dict[str, complex]
    weight: float
    linear: Complex
    trees: tuple[Any, Any] | None
    doubt: Doubt
    domain: dict[str, Any]
    stokes_factor: float = 1.0
    about: dict[str, Any] = field(default_factory=dict)

    def physics(self, tracks: Tracks) -> Complex:
        """(row) velocity by physics with the class's windage."""
        push = np.array([self.windage.get(kind, self.windage[""]) for kind in tracks.kinds])
        return tracks.current + push[tracks.kind] * tracks.wind + self.stokes_factor * stokes_of(tracks)

    def correction(self, vectors: Complex, weight: float | None = None) -> Complex:
        """Learned residual, weight included.

        Args:
            vectors: (row, feature) from :func:`oceanclean.drift.features.vectors`.
            weight: share of it; the model's own if None.
        """
        weight = self.weight if weight is None else weight
        if weight == 0.0 or self.trees is None:
            return np.zeros(vectors.shape[0], dtype=np.complex128)
        columns = seen.wind_frame(vectors)
        turned = self.trees[0].predict(columns) + 1j * self.trees[1].predict(columns)
        wind = vectors[:, seen.NAMES.index("wind")]
        return weight * 0.5 * (vectors @ self.linear + turned * seen.wind_direction(wind))

    def along(self, tracks: Tracks) -> Complex:
        """(row) velocity along tracks, without the drifter's own recent residual."""
        return self.physics(tracks) + self.correction(track_vectors(tracks))

    def along_known_waters(self, tracks: Tracks) -> Complex:
        """(row) learned residual at weight 1 along tracks; 0 outside the domain, where plain physics goes on.

        The difference between current products means something for the products of the training only.
        """
        vectors = track_vectors(tracks)
        if set(tracks.products) != set(self.about.get("products", tracks.products)):
            vectors[:, seen.NAMES.index("spread")] = 0.0
        return np.where(self.outside(tracks), 0.0, self.correction(vectors, weight=1.0))

    def outside(self, tracks: Tracks) -> NDArray[np.bool_]:
        """(row) True outside the training box or speeds, or everywhere where Stokes drift is present in one only."""
        west, east, south, north = self.domain["box"]
        lon = west + np.mod(tracks.lon - west, 360.0)
        strange = (np.abs(tracks.current) > self.domain["current_m_s"]) | (
            np.abs(tracks.wind) > self.domain["wind_m_s"]
        )
        away = (lon > east) | (tracks.lat < south) | (tracks.lat > north)
        return np.asarray(strange | away | ((tracks.stokes is not None) != self.domain["stokes"]))

    def strangeness(self, tracks: Tracks) -> list[str]:
        """Sentences on how far tracks lie outside the domain."""
        share, said = float(self.outside(tracks).mean()), []
        if share > 0:
            said.append(f"{share:.0%} of the rows lie outside the forecaster's domain: plain physics there")
        if set(tracks.products) != set(self.about.get("products", tracks.products)):
            said.append("other current products than in the training: their difference was not used")
        return said

    def correct(self, forcing: xr.Dataset) -> tuple[xr.Dataset, tuple[str, ...]]:
        """A Forcing whose currents carry the correction; computed once for the whole cube.

        Args:
            forcing: a Forcing.

        Returns:
            The corrected forcing, and notes: outside its domain it is returned as it came and the note says why.
        """
        if self.weight == 0.0:
            return forcing, ("learned correction has weight 0: plain physics",)
        reason = self.foreign(forcing)
        if reason:
            return forcing, (f"learned correction not used: {reason}; plain physics instead",)
        vectors, wet = field_vectors(forcing)
        strange = self._strange(vectors[wet])
        if strange.mean() > _STRANGE:
            note = f"learned correction not used: {strange.mean():.0%} of the sea outside the speeds it was fitted on"
            return forcing, (f"{note}; plain physics instead",)
        extra = np.zeros(wet.shape, dtype=np.complex128)
        extra[wet] = np.where(strange, 0.0, self.correction(vectors[wet]))
        corrected = forcing.copy()
        for name, part in ((names.EASTWARD_CURRENT, extra.real), (names.NORTHWARD_CURRENT, extra.imag)):
            limited = np.clip(forcing[name].to_numpy() + part, -5.0, 5.0)
            corrected[name] = forcing[name].copy(data=limited.astype(forcing[name].dtype))
        return corrected, (f"currents corrected by the learned residual, weight {self.weight:g}",)

    def foreign(self, forcing: xr.Dataset) -> str:
        """Why a forcing lies outside the domain, or ""."""
        from oceanclean.drift.fields import has_stokes, has_wind

        if not has_wind(forcing):
            return "the forcing has no wind"
        if has_stokes(forcing) != self.domain["stokes"]:
            return "Stokes drift is present in one of training and forcing only"
        west, east, south, north = self.domain["box"]
        lat, lon = forcing["lat"].to_numpy(), forcing["lon"].to_numpy()
        lon = west + np.mod(lon - west, 360.0)
        if lat.min() < south or lat.max() > north or lon.max() > east:
            return f"the region lies outside {west:.1f} to {east:.1f} E, {south:.1f} to {north:.1f} N"
        return ""

    def _strange(self, vectors: Complex) -> NDArray[np.bool_]:
        current, wind = np.abs(vectors[:, 0]), np.abs(vectors[:, seen.NAMES.index("wind")])
        return (current > self.domain["current_m_s"]) | (wind > self.domain["wind_m_s"])

    def save(self, file: Path) -> None:
        """Write the forecaster with skops and its sidecar ``.json`` beside it."""
        import skops.io as sio

        content = {
            "format": FORMAT, "windage": [[k, v.real, v.imag] for k, v in self.windage.items()], "weight": self.weight,
            "linear": self.linear.view(np.float64), "trees": self.trees, "stokes_factor": self.stokes_factor,
            "doubt": self.doubt.to_record(), "domain": self.domain, "about": self.about,
        }  # fmt: skip
        with write_aside(Path(file)) as aside:
            sio.dump(content, aside)
        write_json(Path(file).with_suffix(".json"), {"domain": self.domain, **self.about, "weight": self.weight})


def track_vectors(tracks: Tracks) -> Complex:
    """(row, feature) along tracks."""
    return seen.vectors(tracks.current, tracks.wind, tracks.spread, stokes_of(tracks), tracks.first, 1.0)


def stokes_of(tracks: Tracks) -> Complex:
    """(row) Stokes drift, 0 where there is none."""
    return np.zeros(tracks.size, dtype=np.complex128) if tracks.stokes is None else np.nan_to_num(tracks.stokes)


def field_vectors(forcing: xr.Dataset) -> tuple[Complex, NDArray[np.bool_]]:
    """(time, lat, lon, feature) of a forcing and its wet mask (time, lat, lon)."""
    from oceanclean.drift.fields import CURRENT, STOKES, WIND, has_stokes

    def vector(pair: tuple[str, str]) -> Complex:
        u, v = (forcing[name].to_numpy().astype(np.float64) for name in pair)
        return u + 1j * v

    current, wind = vector(CURRENT), vector(WIND)
    stokes = vector(STOKES) if has_stokes(forcing) else np.zeros_like(current)
    wet = np.isfinite(current) & np.isfinite(wind) & np.isfinite(stokes)
    filled = [np.where(np.isfinite(x), x, 0) for x in (current, wind, np.zeros_like(current), stokes)]
    step_h = float(np.median(np.diff(forcing["time"].to_numpy()) / np.timedelta64(1, "s"))) / 3600.0
    first = np.zeros(current.shape[0], dtype=np.int64)
    return seen.vectors(filled[0], filled[1], filled[2], filled[3], first, step_h), wet


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
    vectors = track_vectors(tracks)
    cut = np.quantile(tracks.hours[rows], settings.inner_share)
    early = rows & (tracks.hours < cut - 0.5 * settings.gap_h)
    late = rows & (tracks.hours >= cut + 0.5 * settings.gap_h)
    share, weight, record = 0.0, 0.0, {"reason": "too few days for a later block"}
    if early.any() and late.any():
        share, weight, record = _chosen(_fit_parts(tracks, vectors, early, room, seed), tracks, vectors, late, room)
    whole = _fit_parts(tracks, vectors, rows, room, seed)
    whole.windage = _drawn(whole.windage, _published(tracks, room), share)
    if whole.trees is not None:
        whole.weight = weight * _believed(tracks, late, settings)
    whole.doubt = _fit_doubt(whole, tracks, rows, room)
    whole.about |= {
        "trial": record, "weight_on_later_days": weight, "windage_share": share,
        "drifter_hours": int(rows.sum()), "drifters": int(np.unique(tracks.drifter[rows]).size),
    }  # fmt: skip
    return whole


def _fit_parts(tracks: Tracks, vectors: Complex, rows: NDArray[np.bool_], room: DriftSettings,
               seed: int) -> Residual:  # fmt: skip
    """Windage by class, ridge and trees on the given rows; weight 1."""
    settings = room.forecaster
    model = Residual(_fit_windage(tracks, rows, room), 1.0, np.zeros(len(seen.NAMES), dtype=np.complex128), None,
                     published_doubt(), _domain(tracks, rows, settings), room.windage.stokes_factor)  # fmt: skip
    if rows.sum() < 20 * len(seen.NAMES):
        model.weight = 0.0
        return model
    residual = (tracks.observed - model.physics(tracks))[rows]
    x = vectors[rows]
    scale = np.sqrt(np.mean(np.abs(x) ** 2, axis=0))
    used = scale > 1e-9
    a = x[:, used] / scale[used]
    normal = a.conj().T @ a + settings.ridge * len(a) * np.eye(a.shape[1])
    model.linear[used] = np.linalg.solve(normal, a.conj().T @ residual) / scale[used]
    turned = residual * np.conj(seen.wind_direction(x[:, seen.NAMES.index("wind")]))
    columns = seen.wind_frame(x)
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
    prior = _published(tracks, room)
    beyond = tracks.observed - tracks.current - room.windage.stokes_factor * stokes_of(tracks)
    worth = recent.independent_share / recent.sigma_m_s**2
    found: dict[str, complex] = {"": complex(prior)}
    for number, name in enumerate(tracks.kinds):
        own = rows & (tracks.kind == number)
        wind, rest = tracks.wind[own], beyond[own]
        power, doubt = worth * np.vdot(wind, wind).real, 1.0 / recent.wind**2
        share = (worth * np.vdot(wind, rest).real + prior * doubt) / (power + doubt)
        found[name] = complex(min(max(share, 0.0), _MOST_WINDAGE))
    return found


def _published(tracks: Tracks, room: DriftSettings) -> float:
    """Windage that ships for a drifter; the waves' share is taken off where tracks have Stokes drift."""
    return drifter_windage(room.windage, stokes=tracks.stokes is not None)


def _drawn(windage: dict[str, complex], published: float, share: float) -> dict[str, complex]:
    """Windage between the published (share 0) and the fitted (1); drifters without a type have a fitted one too."""
    return {kind: published + share * (push - published) for kind, push in windage.items()}


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


def _chosen(trial: Residual, tracks: Tracks, vectors: Complex, late: NDArray[np.bool_],
            room: DriftSettings) -> tuple[float, float, dict[str, Any]]:  # fmt: skip
    """Share of the fitted windage and weight of the correction with the least mean error on later data.

    The candidates follow the later drifters as the forecast does, so that only what adds to that is taken.
    """
    settings = room.forecaster
    fitted, counted = trial.windage, {lead: starts_of(tracks, late, lead) for lead in _CHOOSING_H}
    counted = {lead: starts for lead, starts in counted.items() if starts.size >= _ENOUGH}
    if not counted:
        return 0.0, 0.0, {"reason": "no later starts to choose on"}
    record: dict[str, Any] = {}

    def mean_km(windage: dict[str, complex], learned: Complex | None, weight: float) -> list[float]:
        trial.windage = windage
        known = Informed(tracks, trial.physics(tracks), learned, weight, late, room.recent)
        return [float(np.abs(known.displacement(starts, lead) - along(tracks.observed, starts, lead)[:, -1]).mean())
                for lead, starts in counted.items()]  # fmt: skip

    def best(name: str, candidates: tuple[float, ...], means: list[list[float]]) -> float:
        relative = np.array(means) / np.array(means[0])
        leads = zip(counted, np.array(means).T.round(3).tolist(), strict=True)
        record[name] = {"candidates": list(candidates), "mean_km": {str(lead): values for lead, values in leads}}
        return candidates[int(np.argmin(relative.sum(axis=1)))]

    shares, published = settings.weights, _published(tracks, room)
    share = best("windage", shares, [mean_km(_drawn(fitted, published, s), None, 0.0) for s in shares])
    if trial.trees is None:
        return share, 0.0, record
    trial.windage = fitted
    learned = trial.correction(vectors, weight=1.0)
    weight = best("weight", shares, [mean_km(_drawn(fitted, published, share), learned, w) for w in shares])
    return share, weight, record


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


def train_forecaster(data_dir: Path, out_file: Path, settings: DriftSettings | None = None) -> dict[str, Any]:
    """Fit a forecaster on a folder of drifter tracks and write it with its sidecar.

    Args:
        data_dir: folder of hourly tracks with forcing, see :mod:`oceanclean.drift.drifters`.
        out_file: skops file to write; ``.json`` beside it says where the forecaster may be used.
        settings: of the room; those of the configuration folder if None.

    Returns:
        The training record.

    Raises:
        MissingDataError: no tracks.
        InputError: tracks without the columns needed.
    """
    settings = settings or load_settings()
    tracks = load_tracks(Path(data_dir))
    model = fit(tracks, np.ones(tracks.size, dtype=bool), settings)
    model.about |= {"hours": [float(tracks.hours.min()), float(tracks.hours.max())],
                    "notes": list(tracks.report), "products": sorted(tracks.products),
                    "windage": {k or "unknown": round(v.real, 4) for k, v in model.windage.items()}}  # fmt: skip
    model.save(Path(out_file))
    return {"file": str(out_file), "domain": model.domain, "weight": model.weight, **model.about}


_TRUSTED = (
    "sklearn._loss.link.IdentityLink", "sklearn._loss.link.Interval", "sklearn._loss.loss.HalfSquaredError",
    "sklearn._loss._loss.CyHalfSquaredError", "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)  # fmt: skip


def load_forecaster(file: Path) -> Residual:
    """Read a forecaster; only types on a short list are built, nothing is unpickled.

    Raises:
        MissingDataError: no such file.
        InputError: another kind of file, or one that holds types off the list.
    """
    import skops.io as sio

    if not Path(file).is_file():
        raise MissingDataError(file, "forecaster", "no such file", "a file of 'oceanclean train forecaster'",
                               "Train it first or leave --model out.")  # fmt: skip
    try:
        foreign = set(sio.get_untrusted_types(file=file)) - set(_TRUSTED)
        if foreign:
            raise InputError(file, "types", sorted(foreign), "a forecaster", "Use a file that this program wrote.")
        content = sio.load(file, trusted=list(_TRUSTED))
        record = content["doubt"]
        version = content["format"]
    except InputError:
        raise
    except Exception as error:
        raise InputError(file, "file", f"unreadable ({type(error).__name__})", "a forecaster",
                         "Train it again or use a whole file.") from error  # fmt: skip
    if version != FORMAT:
        raise InputError(file, "format", version, str(FORMAT), "Train the forecaster again with this version.")
    return Residual(
        {k: complex(re, im) for k, re, im in content["windage"]}, content["weight"],
        content["linear"].view(np.complex128), content["trees"], Doubt(**record), content["domain"],
        content["stokes_factor"], content["about"],
    )  # fmt: skip
