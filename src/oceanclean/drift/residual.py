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

from oceanclean.drift import features as seen
from oceanclean.drift.displacement_doubt import Doubt
from oceanclean.drift.drifters import Tracks
from oceanclean.drift.informed import stokes_of
from oceanclean.drift.learned_field import DEPTH, strips
from oceanclean.drift.windage import DROGUED
from oceanclean.errors import InputError, MissingDataError
from oceanclean.products import names
from oceanclean.store import write_aside, write_json

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
FORMAT = 3
#: Share of sea cells outside the learned ranges above which a field is left to physics.
_STRANGE = 0.2


@dataclass
class Residual:
    """A fitted forecaster.

    Attributes:
        windage: complex windage by type of drifter; "" for unknown types.
        weight: share of the learned correction, 0 to 1.
        linear: (feature) complex ridge weights.
        trees: two regressors, downwind and crosswind, or None.
        doubt: error model, see :class:`Doubt`.
        domain: where it may be used: box, speeds, Stokes drift.
        stokes_factor: share of the Stokes drift that carries a drifter.
        about: training record for the sidecar.
        extras: numbers that the trees see beside the vectors, of :data:`oceanclean.drift.features.EXTRAS`.
        classes: windage by type that ``class`` of the extras stands for; "" is debris of the table's mixture.
    """

    windage: dict[str, complex]
    weight: float
    linear: Complex
    trees: tuple[Any, Any] | None
    doubt: Doubt
    domain: dict[str, Any]
    stokes_factor: float = 1.0
    about: dict[str, Any] = field(default_factory=dict)
    extras: tuple[str, ...] = ()
    classes: dict[str, float] = field(default_factory=dict)

    def physics(self, tracks: Tracks) -> Complex:
        """(row) velocity by physics with the class's windage."""
        push = np.array([self.windage_of(kind) for kind in tracks.kinds])
        return tracks.current + push[tracks.kind] * tracks.wind + self.stokes_factor * stokes_of(tracks)

    def windage_of(self, kind: str) -> complex:
        """Windage of a type; one that was not in the training counts as of unknown make, on a drogue if it says so."""
        drogued = kind.split()[-1:] == [DROGUED] and DROGUED in self.windage
        return self.windage.get(kind, self.windage[DROGUED if drogued else ""])

    def correction(self, vectors: Complex, weight: float | None = None, extras: Floats | None = None) -> Complex:
        """Learned residual, weight included.

        Args:
            vectors: (row, feature) from :func:`oceanclean.drift.features.vectors`.
            weight: share of it; the model's own if None.
            extras: (row, extra) numbers beside them; unknown if None.
        """
        weight = self.weight if weight is None else weight
        if weight == 0.0 or self.trees is None:
            return np.zeros(vectors.shape[0], dtype=np.complex128)
        if extras is None:
            extras = np.full((len(vectors), len(self.extras)), np.nan)
        columns = seen.wind_frame(vectors, extras)
        turned = self.trees[0].predict(columns) + 1j * self.trees[1].predict(columns)
        wind = vectors[:, seen.NAMES.index("wind")]
        return weight * 0.5 * (vectors @ self.linear + turned * seen.wind_direction(wind))

    def along(self, tracks: Tracks) -> Complex:
        """(row) velocity along tracks, without the drifter's own recent residual."""
        return self.physics(tracks) + self.correction(track_vectors(tracks), extras=self.track_extras(tracks))

    def track_extras(self, tracks: Tracks) -> Floats:
        """(row, extra) the numbers that this forecaster sees along tracks, NaN where unknown."""
        push = np.array([self.classes.get(kind, self.classes.get("", np.nan)) for kind in tracks.kinds])
        unknown = np.full(tracks.size, np.nan)
        columns = [push[tracks.kind] if n == "class" else tracks.scalars.get(n, unknown) for n in self.extras]
        return np.stack(columns, axis=1) if columns else np.empty((tracks.size, 0))

    def along_known_waters(self, tracks: Tracks) -> Complex:
        """(row) learned residual at weight 1 along tracks; 0 outside the domain, where plain physics goes on.

        The difference between current products means something for the products of the training only.
        """
        vectors = track_vectors(tracks)
        if set(tracks.products) != set(self.about.get("products", tracks.products)):
            vectors[:, seen.NAMES.index("spread")] = 0.0
        return np.where(self.outside(tracks), 0.0, self.correction(vectors, 1.0, self.track_extras(tracks)))

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
        """A Forcing whose currents carry the correction; computed once for the whole cube, strip by strip.

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
        changed = {name: forcing[name].to_numpy().copy() for name in (names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT)}
        strange, sea = 0, 0
        for strip in strips(forcing, self.extras, self.classes.get("", np.nan)):
            vectors, wet = strip.vectors[strip.wet], strip.wet
            odd = self._strange(vectors)
            extra = np.where(odd, 0.0, self.correction(vectors, extras=strip.extras[wet]))
            for values, part in zip(changed.values(), (extra.real, extra.imag), strict=True):
                own = values[:, strip.rows]
                own[wet] = np.clip(own[wet] + part, -5.0, 5.0)
            strange, sea = strange + int(odd.sum()), sea + odd.size
        if sea == 0 or strange / sea > _STRANGE:
            share = f"{strange / max(sea, 1):.0%} of the sea outside the speeds it was fitted on"
            return forcing, (f"learned correction not used: {share}; plain physics instead",)
        corrected = forcing.copy()
        for name, values in changed.items():
            corrected[name] = forcing[name].copy(data=values)
        return corrected, (f"currents corrected by the learned residual, weight {self.weight:g}",)

    def foreign(self, forcing: xr.Dataset) -> str:
        """Why a forcing lies outside the domain, or ""."""
        from oceanclean.drift.fields import has_stokes, has_wind

        if not has_wind(forcing):
            return "the forcing has no wind"
        if "depth" in self.extras and DEPTH not in forcing:
            return f"it was fitted with the depth, and the forcing has no {DEPTH}"
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
            "extras": list(self.extras), "classes": self.classes,
        }  # fmt: skip
        with write_aside(Path(file)) as aside:
            sio.dump(content, aside)
        write_json(Path(file).with_suffix(".json"), {"domain": self.domain, **self.about, "weight": self.weight})


def track_vectors(tracks: Tracks) -> Complex:
    """(row, feature) along tracks."""
    return seen.vectors(tracks.current, tracks.wind, tracks.spread, stokes_of(tracks), tracks.first, 1.0)


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
        content["stokes_factor"], content["about"], tuple(content["extras"]), content["classes"],
    )  # fmt: skip


__all__ = ["FORMAT", "Residual", "load_forecaster", "track_vectors"]
