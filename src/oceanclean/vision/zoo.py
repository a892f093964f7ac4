"""The segmenter that ships, and any other of the same make: a ``.keras`` file with a JSON card beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.errors import MissingDataError, ProductError
from oceanclean.products.names import BANDS, CLASSES
from oceanclean.store import digest_file, read_json
from oceanclean.vision.models import read_network

if TYPE_CHECKING:
    import keras

    from oceanclean.vision.settings import SegmenterSettings

#: The model that ships with the package.
SHIPPED = Path(__file__).parent / "weights" / "segmenter.keras"


@dataclass(frozen=True)
class LoadedSegmenter:
    """A segmenter in memory.

    Attributes:
        model: reflectance (y, x, band), water (band), presence (band) to probabilities (y, x, class).
        card: contents of the sidecar.
        path: the ``.keras`` file.
        sha256: its digest.
    """

    model: keras.Model
    card: dict[str, Any]
    path: Path
    sha256: str

    @property
    def name(self) -> str:
        """Name and version."""
        return f"{self.card['name']} {self.card['version']}"

    @property
    def threshold(self) -> float:
        """Probability from which a pixel counts as debris, tuned on held-out scenes."""
        return float(self.card["threshold"])

    @property
    def radius(self) -> int:
        """Pixels from which a window's edge no longer shows."""
        return int(self.card["radius"])


def model_path(model: str | Path | None) -> Path:
    """Path of a named model; None or "" is the one that ships."""
    return Path(model) if model else SHIPPED


def model_digest(settings: SegmenterSettings) -> str:
    """SHA-256 of the model that the settings name, without loading it."""
    path = model_path(settings.model)
    _require(path)
    return digest_file(path)


def _require(path: Path) -> None:
    for needed in (path, path.with_suffix(".json")):
        if not needed.is_file():
            raise MissingDataError(needed, "model", "no such file", "a .keras file with its .json card beside it",
                                   "Train one: oceanclean train segmenter --data DIR --out DIR.")  # fmt: skip


@lru_cache(maxsize=2)
def load_segmenter(model: str | Path | None = None) -> LoadedSegmenter:
    """Load a segmenter and check it against its card.

    Raises:
        MissingDataError: the file or its card is absent.
        ProductError: the digest, the bands or the classes are not those of the card.
    """
    path = model_path(model)
    _require(path)
    card, sha256 = read_json(path.with_suffix(".json")), digest_file(path)
    expected = {"sha256": sha256, "bands": list(BANDS), "classes": list(CLASSES)}
    for key, value in expected.items():
        if card.get(key) != value:
            raise ProductError(path, key, card.get(key), f"{value}", "Fetch or train the model and its card together.")
    import oceanclean.vision.deciding  # noqa: F401  (registers the layers)

    return LoadedSegmenter(read_network(path, "segmenter"), card, path, sha256)
