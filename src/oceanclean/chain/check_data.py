"""Data before a model learns from it: does it read, are its values possible, is it like the set before?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oceanclean.errors import InputError
from oceanclean.learning.input_drift import Sketch, largest_distance, sketch, stability_index
from oceanclean.learning.settings import MonitoringSettings
from oceanclean.products.names import BANDS, CLASSES

#: Reflectance that a corrected scene can have: glint and cloud reach above 1, corrections overshoot below 0.
REFLECTANCE = (-0.2, 2.0)
#: Fastest current and wind that a forcing can hold, m s-1.
CURRENT, WIND = 5.0, 60.0


@dataclass
class DataCheck:
    """What was found.

    Attributes:
        counts: of patches, scenes, labels by class; of tracks and rows.
        wrong: what must be mended before training.
        changed: variables whose distribution is not that of the reference, with both figures.
        sketches: of every variable, for later checks.
        said: what was mended on reading.
    """

    counts: dict[str, int]
    sketches: dict[str, Sketch]
    wrong: list[str] = field(default_factory=list)
    changed: dict[str, dict[str, float]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the sketches."""
        return {k: v for k, v in self.__dict__.items() if k != "sketches"}


def check_data(
    kind: str, data: Sequence[Path], settings: MonitoringSettings, reference: Mapping[str, Sketch] | None = None
) -> DataCheck:
    """Check a training set.

    Args:
        kind: ``segmenter`` (MARIDA layout) or ``forecaster`` (hourly tracks with forcing).
        data: folders.
        settings: thresholds of stability index and distance.
        reference: sketches of the set that was learned from before.

    Raises:
        InputError: unknown kind, or a file breaks the layout; names it.
        MissingDataError: nothing to read.
    """
    if kind not in _CHECKS:
        raise InputError("command line", "kind", repr(kind), f"one of {tuple(_CHECKS)}", "Choose one of them.")
    found = _CHECKS[kind](data)
    for name, one in found.sketches.items():
        before = (reference or {}).get(name)
        if before is None:
            continue
        psi, ks = stability_index([before], [one], settings.bins), largest_distance([before], [one])
        if settings.psi.state(psi) != "ok" or settings.ks.state(ks) != "ok":
            found.changed[name] = {"psi": psi, "ks": ks}
    return found


def _segmenter(data: Sequence[Path]) -> DataCheck:
    from oceanclean.vision.data import find_patches, read_image, read_labels

    patches = find_patches(data)
    classes: Counter[int] = Counter()
    labelled: dict[str, list[NDArray[np.float32]]] = {}
    wrong: list[str] = []
    for patch in patches:
        image, labels = read_image(patch), read_labels(patch)
        if image.shape[:2] != labels.shape:
            wrong.append(f"{patch.image.name}: {image.shape[:2]} pixels, its labels {labels.shape}")
            continue
        wrong += _impossible(patch.image.name, image, labels)
        classes.update(labels[labels > 0].tolist())
        labelled.setdefault(patch.scene, []).append(image[labels > 0])
    pixels = np.concatenate([p for parts in labelled.values() for p in parts])
    sketches = {f"reflectance {b}": sketch(pixels[:, i]) for i, b in enumerate(BANDS)}
    counts = {"patches": len(patches), "scenes": len(labelled)}
    counts |= {name: classes[i + 1] for i, name in enumerate(CLASSES)}
    if not classes[1]:
        wrong.append("no pixel is labelled as marine debris")
    return DataCheck(counts, {k: v for k, v in sketches.items() if v is not None}, wrong)


def _impossible(name: str, image: NDArray[np.float32], labels: NDArray[np.uint8]) -> list[str]:
    """Sentences about values that no measurement can have."""
    found = []
    low, high = REFLECTANCE
    finite = np.isfinite(image)
    outside = finite & ((image < low) | (image > high))
    if outside.mean() > 0.001:
        found.append(f"{name}: {outside.mean():.1%} of the reflectance outside {low:g} to {high:g}: wrong scale?")
    unseen = (labels > 0) & ~finite.all(axis=-1)
    if unseen.any():
        found.append(f"{name}: {int(unseen.sum())} labelled pixels carry no measurement")
    for i, band in enumerate(BANDS):
        values = image[..., i][finite[..., i]]
        if values.size > 1 and float(values.std()) == 0.0:
            found.append(f"{name}: {band} has one value everywhere")
    return found


def _forecaster(data: Sequence[Path]) -> DataCheck:
    from oceanclean.drift.drifters import load_tracks

    if len(data) != 1:
        raise InputError("command line", "--data", f"{len(data)} folders", "one folder of tracks", "Join them.")
    tracks = load_tracks(data[0])
    values = {"current speed": np.abs(tracks.current), "wind speed": np.abs(tracks.wind),
              "drifter speed": np.abs(tracks.observed)}  # fmt: skip
    if tracks.stokes is not None:
        values["Stokes drift"] = np.abs(tracks.stokes)
    wrong = [
        f"{int((values[name] > most).sum())} rows have a {name} above {most:g} m/s: wrong unit?"
        for name, most in (("current speed", CURRENT), ("wind speed", WIND)) if (values[name] > most).any()
    ]  # fmt: skip
    wrong += [f"{name} is 0 in every row" for name in ("current speed", "wind speed") if not values[name].any()]
    counts = {"drifters": int(np.unique(tracks.drifter).size), "rows": tracks.size}
    sketches = {name: sketch(v) for name, v in values.items()}
    return DataCheck(counts, {k: v for k, v in sketches.items() if v is not None}, wrong, said=list(tracks.report))


_CHECKS = {"segmenter": _segmenter, "forecaster": _forecaster}
