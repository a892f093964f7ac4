"""Models on disk: a ``.keras`` file with a JSON card beside it that names its digest, its classes and its scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.errors import MissingDataError, ProductError
from oceanclean.store import digest_file, read_json, write_aside, write_json

if TYPE_CHECKING:
    import keras

#: Where the weights that ship stand.
WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class StoredModel:
    """A model in memory with its card.

    Attributes:
        model: the network, uncompiled.
        card: contents of the JSON file: at least ``kind``, ``name``, ``sha256``, ``classes``, ``licence``.
        path: the ``.keras`` file.
    """

    model: keras.Model
    card: dict[str, Any]
    path: Path

    @property
    def classes(self) -> list[str]:
        """Names of the outputs, in order."""
        return [str(c) for c in self.card["classes"]]


def save_model(model: keras.Model, card: Mapping[str, Any], path: Path) -> Path:
    """Write ``path`` (``.keras``, without optimiser) and its card; the digest is filled in here.

    Args:
        model: the network; any optimiser state is left out.
        card: ``kind`` (what task), ``name``, ``classes``, ``licence``, ``trained_on``, scores, settings.
        path: the ``.keras`` file.

    Returns:
        ``path``.

    Raises:
        ProductError: the card lacks one of the keys that a reader relies on.
    """
    import keras

    for key in ("kind", "name", "classes", "licence", "trained_on"):
        if key not in card:
            raise ProductError(path, key, "absent", "a card with kind, name, classes, licence, trained_on", "Add it.")
    # a copy without the loss it was compiled with, which no file could name
    plain = model.__class__.from_config(model.get_config())
    plain.set_weights(model.get_weights())
    with write_aside(path) as aside:
        plain.save(aside)
    facts = {"sha256": digest_file(path), "parameters": int(model.count_params()), "bytes": path.stat().st_size,
             "keras": keras.__version__, "backend": keras.backend.backend()}  # fmt: skip
    write_json(path.with_suffix(".json"), {**card, **facts})
    return path


def shipped(kind: str) -> Path:
    """Path of the model of a kind that ships with the package."""
    return WEIGHTS / f"{kind}.keras"


def model_file(model: str | Path | None, kind: str) -> Path:
    """Path of a model: None or "" the one that ships, a folder the ``KIND.keras`` in it, else the file itself.

    Raises:
        MissingDataError: the file or its card is absent.
    """
    path = Path(model) if model else shipped(kind)
    if path.is_dir():
        path = path / f"{kind}.keras"
    for needed in (path, path.with_suffix(".json")):
        if not needed.is_file():
            raise MissingDataError(needed, "model", "no such file", "a .keras file with its .json card beside it",
                                   f"Train one: oceanclean train {kind} --data DIR --out DIR.")  # fmt: skip
    return path


def load_model(model: str | Path | None, kind: str) -> StoredModel:
    """Load a model of a kind and check it against its card; nothing but registered layers is ever run.

    Raises:
        MissingDataError: the file or its card is absent.
        ProductError: the digest or the kind is not that of the card, or the file is no Keras model.
    """
    path = model_file(model, kind)
    card = read_json(path.with_suffix(".json"))
    for key, value in (("sha256", digest_file(path)), ("kind", kind)):
        if card.get(key) != value:
            raise ProductError(path, key, card.get(key), str(value), "Fetch or train the model and its card together.")
    return StoredModel(read_network(path, kind), card, path)


def read_network(path: Path, kind: str) -> keras.Model:
    """A network of a ``.keras`` file; nothing but registered layers is ever run.

    Raises:
        ProductError: damaged, hostile or of another kind: whatever the reader makes of it.
    """
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        found = f"{type(error).__name__}: {error}"[:300]
        raise ProductError(path, "model", found, "a .keras file of registered layers",
                           f"Train it anew: oceanclean train {kind}.") from error  # fmt: skip
