"""Leave-scene-out folds on disk: what each network, trained without one scene, says of that scene."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.store import digest_file, digest_record, read_json, write_aside, write_json
from oceanclean.vision.calibration import CalibrationFit, fit_calibration
from oceanclean.vision.data import Patch
from oceanclean.vision.pixels import PixelSet, collect_pixels

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from oceanclean.vision.forest import ForestTables
    from oceanclean.vision.training import TrainingSettings


class Folds:
    """Folds of a training run, kept in a folder so that a killed run goes on where it stood.

    Args:
        patches: labelled patches.
        folder: where the folds are kept.
        settings: how each is trained.
    """

    def __init__(self, patches: Sequence[Patch], folder: Path, settings: TrainingSettings) -> None:
        self.patches, self.settings = list(patches), settings
        self.scenes = sorted({p.scene for p in patches})
        self.folder = folder / "folds"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._pixels: PixelSet | None = None
        self._begin()

    def _begin(self) -> None:
        """Drop what an earlier run with other settings or data left."""
        data = digest_record([[p.name, p.scene, p.image.stat().st_size, digest_file(p.labels)] for p in self.patches])
        key = {"settings": self.settings.to_json(), "data": data}
        path = self.folder / "key.json"
        if path.exists() and digest_record(read_json(path)) == digest_record(key):
            return
        for old in self.folder.iterdir():
            old.unlink()
        write_json(path, key)

    def pixels(self) -> PixelSet:
        """Training pixels of all scenes, computed once."""
        if self._pixels is None:
            path = self.folder / "pixels.npz"
            if not path.exists():
                made = collect_pixels(self.patches, np.random.default_rng(self.settings.seed))
                with write_aside(path) as aside:
                    made.save(aside)
            self._pixels = PixelSet.load(path)
        return self._pixels

    def fold(self, k: int) -> NDArray[np.float32]:
        """Logits (pixel, class) of scene ``k``'s pixels by a model trained without that scene."""
        from oceanclean.vision.forest import fit_forest
        from oceanclean.vision.teacher import raw_features
        from oceanclean.vision.training import fit_pixel_model, predict_pixels

        path = self.folder / f"logits_{k}.npz"
        if not path.exists():
            pixels, how = self.pixels(), self.settings.deciding
            others, rows = np.setdiff1d(np.arange(len(pixels.scenes)), [k]), np.flatnonzero(pixels.scene == k)
            network = fit_pixel_model(pixels, others, self.settings)
            with write_aside(self.folder / f"network_{k}.keras") as aside:
                network.save(aside)
            logits = predict_pixels(network, pixels, rows)
            if how.trees:
                tables = fit_forest(pixels, others, self.settings)
                with write_aside(self.folder / f"trees_{k}.npz") as aside:
                    tables.save(aside)
                water = pixels.water[pixels.scene[rows]]
                logits = tables.decide(logits, raw_features(pixels.statistics[rows], water), how.floor)
            with write_aside(path) as aside, aside.open("wb") as file:
                np.savez(file, logits=logits)
        with np.load(path, allow_pickle=False) as archive:
            return archive["logits"]

    def network(self, k: int) -> keras.Model:
        """The network trained without scene ``k``."""
        import keras

        import oceanclean.vision.model  # noqa: F401  (registers the layers)

        self.fold(k)
        return keras.saving.load_model(self.folder / f"network_{k}.keras", compile=False, safe_mode=True)

    def trees(self, k: int) -> ForestTables | None:
        """The trees grown without scene ``k``, or None where none decide."""
        from oceanclean.vision.forest import ForestTables

        self.fold(k)
        path = self.folder / f"trees_{k}.npz"
        return ForestTables.load(path) if path.exists() else None

    def logits(self) -> NDArray[np.float32]:
        """Out-of-fold logits (pixel, class) of every pixel."""
        pixels = self.pixels()
        out: NDArray[np.float32] | None = None
        for k in range(len(pixels.scenes)):
            part = self.fold(k)
            if out is None:
                out = np.zeros((len(pixels.label), part.shape[1]), np.float32)
            out[pixels.scene == k] = part
        assert out is not None  # noqa: S101  (there is at least one scene)
        return out

    def calibration(self, k: int) -> CalibrationFit:
        """Calibration and threshold for scene ``k``, fitted to the out-of-fold logits of the other scenes."""
        pixels = self.pixels()
        others = pixels.scene != k
        return fit_calibration(self.logits()[others], pixels.label[others], pixels.stands_for[others])
