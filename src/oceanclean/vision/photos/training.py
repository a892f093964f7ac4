"""Training of the photo models: duplicates kept together, network and texture branch, blended on held-out photos."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from oceanclean.errors import InputError
from oceanclean.store import read_json
from oceanclean.vision.audit import AuditSettings, audit_photos, require_grouped, write_manifest
from oceanclean.vision.models import shipped
from oceanclean.vision.photos.scores import macro_f1
from oceanclean.vision.photos.sets import PhotoSet, pixels_of, read_photos

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from oceanclean.vision.photos.settings import PhotoSettings, PhotoTask, PhotoTraining

Progress = Callable[[str, float], None]
#: Ways to begin a network: from random weights, or from given ones whose backbone is frozen at first.
STARTS = ("scratch", "two-phase")


def _silent(_: str, __: float) -> None:
    """Default progress."""


@dataclass(frozen=True)
class Material:
    """What a photo model learns from.

    Attributes:
        task: what is told apart.
        photos: the photos.
        pixels: (photo, edge, edge, 3).
        targets: (photo,) class indices.
        groups: (photo,) groups of duplicates.
    """

    task: PhotoTask
    photos: PhotoSet
    pixels: NDArray[np.uint8]
    targets: NDArray[np.int64]
    groups: NDArray[np.int64]

    def take(self, rows: NDArray[np.intp]) -> Material:
        """Some of the photos."""
        return Material(self.task, self.photos.take(rows), self.pixels[rows], self.targets[rows], self.groups[rows])

    def at(self, edge: int) -> NDArray[np.uint8]:
        """Pixels at another edge."""
        return at_edge(self.pixels, edge)


@dataclass
class TrainedPhotoModel:
    """A trained model and how it came about.

    Attributes:
        model: photo to probabilities.
        network: the network alone, for transfer.
        figures: macro-F1 of each branch and of the blend on the validation photos.
        history: of each fit.
        validation: rows of the validation photos.
    """

    model: keras.Model
    network: keras.Model | None
    figures: dict[str, float]
    history: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    validation: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))


def at_edge(pixels: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    """Square photos (photo, y, x, 3) at another edge."""
    from PIL import Image

    if pixels.shape[1] == edge:
        return pixels
    return np.stack([np.asarray(Image.fromarray(p).resize((edge, edge), Image.Resampling.BICUBIC)) for p in pixels])


def gather(
    folders: Iterable[Path], settings: PhotoSettings, out: Path | None = None, progress: Progress = _silent
) -> Material:
    """Read photos, find duplicates (the manifest is written to ``out``), and map labels to classes.

    Raises:
        MissingDataError: a folder is absent or empty.
        InputError: an unknown label, or a photo that cannot be read.
    """
    photos = read_photos(folders, settings.task.kind)
    targets = photos.targets(settings.task)
    audit = audit_photos(photos, AuditSettings(), progress)
    if out is not None:
        write_manifest(audit, out / "manifest.csv")
    edges = [settings.training.edge] + ([settings.training.texture.edge] if settings.training.texture else [])
    return Material(settings.task, photos, pixels_of(photos, max(edges)), targets, audit.groups)


def given_split(material: Material, manifest: Path) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of training and validation as a manifest's column ``split`` (train, validation) tells.

    Raises:
        InputError: the manifest lacks a photo, or a group of duplicates lies on both sides.
    """
    try:
        table = pd.read_csv(manifest, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(manifest, "file", str(error).strip()[:200], "a CSV table in UTF-8", "Correct it.") from error
    for column in ("file", "split"):
        if column not in table:
            raise InputError(manifest, column, f"columns {list(table.columns)}", "columns file and split",
                             "Write it with `oceanclean data audit` and fill in split.")  # fmt: skip
    side = dict(zip(table["file"], table["split"], strict=True))
    splits = [side.get(p.file, "") for p in material.photos]
    absent = [p.file for p, s in zip(material.photos, splits, strict=True) if s not in ("train", "validation")]
    if absent:
        raise InputError(manifest, "split", f"nothing for {absent[0]}", "train or validation for every photo",
                         "Add the photo to the manifest.")  # fmt: skip
    require_grouped(material.groups.tolist(), splits, manifest)
    sides = np.array(splits)
    return np.flatnonzero(sides == "train"), np.flatnonzero(sides == "validation")


def grouped_split(material: Material, folds: int, seed: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Folds (training rows, held-out rows) that keep duplicates together and the classes' shares.

    Raises:
        InputError: fewer groups of a class than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    fewest = min(len(np.unique(material.groups[material.targets == k])) for k in range(len(material.task.classes)))
    if fewest < 2:
        raise InputError("training", "data", f"a class with {fewest} unlike photos", "at least 2 a class",
                         "Add a folder with photos of every class with --data.")  # fmt: skip
    maker = StratifiedGroupKFold(min(folds, fewest), shuffle=True, random_state=seed)
    return [(np.asarray(a), np.asarray(b)) for a, b in maker.split(material.targets, material.targets, material.groups)]


def train_material(
    material: Material, settings: PhotoTraining, folder: Path, *, weights: Path | None = None,
    starts: Sequence[str] = ("scratch",), split: tuple[NDArray[np.intp], NDArray[np.intp]] | None = None,
    progress: Progress = _silent,
) -> TrainedPhotoModel:  # fmt: skip
    """Train both branches and blend them.

    Args:
        material: photos with labels.
        settings: how.
        folder: where the state of the run is kept.
        weights: of a network of the same name and width, for a two-phase start.
        starts: of the network; the one with the better validation figure is kept.
        split: rows of training and validation; default: a fold of duplicate groups.
        progress: told what is being done.

    Raises:
        InputError: an unknown start, a two-phase start without weights, or no branch at all.
    """
    from oceanclean.vision.photos import fusion, network, texture

    train, held = split or grouped_split(material, settings.validation, settings.fit.seed)[0]
    figures: dict[str, float] = {}
    logits: list[NDArray[np.floating]] = []
    truth = material.targets[held]
    net, history = network.best_start(material, train, held, settings, folder, starts, weights, figures, progress)
    if net is not None:
        logits.append(network.logits_of(net, material.pixels[held], settings))
    branch = head = None
    if settings.texture is not None:
        branch, head, opinion = texture.train_branch(material, train, held, settings.texture, settings.fit.seed, folder)
        figures["texture"] = macro_f1(truth, opinion.argmax(1), len(material.task.classes))
        logits.append(opinion)
        progress(f"texture {figures['texture']:.3f}", 0.95)
    if not logits:
        raise InputError("training", "network, texture", "neither", "at least one branch", "Leave one of them in.")
    shares, offset = fusion.fit_blend(logits, truth)
    figures["blend"] = macro_f1(truth, fusion.blended(logits, shares, offset).argmax(1), len(material.task.classes))
    evaluated = None if net is None else network.at_evaluation(net, settings)
    model = fusion.fuse(evaluated, branch, head, shares, offset, int(material.pixels.shape[1]))
    return TrainedPhotoModel(model, net, figures, history, held)


def train_photo_model(
    kind: str, data: Sequence[Path], out: Path, settings: PhotoSettings, *, weights: Path | None = None,
    starts: Sequence[str] | None = None, manifest: Path | None = None, pretrain: Sequence[Path] = (),
    licence: str = "as the data's",
    progress: Progress = _silent,
) -> Path:  # fmt: skip
    """``oceanclean train classifier|cleanliness``: train, convert to 8 bits, and write the model's folder.

    Args:
        kind: ``classifier`` or ``cleanliness``.
        data: folders of photos.
        out: folder for the model, its 8-bit form, the manifest and the state of the run.
        settings: classes and recipe.
        weights: to start from; default for a two-phase start: the network of the classifier that ships.
        starts: see :data:`STARTS`; default: the recipe's, or both where weights or ``pretrain`` are given.
        manifest: a split of the user's own, from ``oceanclean data audit``.
        pretrain: folders of photos on which the backbone is pretrained without labels; instead of ``weights``.
        licence: under which the weights stand.
        progress: told what is being done and the share done.

    Returns:
        The ``.keras`` file.
    """
    from oceanclean.vision.photos import pretraining
    from oceanclean.vision.photos.deploy import store_photo_model

    material = gather(data, settings, out, progress)
    split = given_split(material, manifest) if manifest is not None else None
    if pretrain:
        weights = pretraining.pretrain(pretrain, settings.training, out, progress)
    chosen, weights = beginning(settings.training, starts, weights)
    trained = train_material(material, settings.training, out / "run", weights=weights, starts=chosen, split=split,
                             progress=progress)  # fmt: skip
    return store_photo_model(kind, trained, material, settings, out, [d.name for d in data], licence)


def beginning(
    settings: PhotoTraining, starts: Sequence[str] | None, weights: Path | None
) -> tuple[tuple[str, ...], Path | None]:
    """Starts and the weights that a two-phase one takes: given ones, else the classifier that ships, if it fits.

    Raises:
        InputError: a two-phase start was asked for, and there are neither.
    """
    chosen = tuple(starts) if starts else (STARTS if weights is not None else settings.starts)
    if weights is not None or "two-phase" not in chosen:
        return chosen, weights
    if _ships_network(settings):
        return chosen, shipped("classifier")
    if not starts:
        return tuple(s for s in chosen if s != "two-phase") or ("scratch",), None
    raise InputError("training", "weights", "none", f"weights of {settings.network} × {settings.width:g}",
                     "Give --weights PATH, or folders of photos to pretrain on with --pretrain.")  # fmt: skip


def _ships_network(settings: PhotoTraining) -> bool:
    """Whether the classifier that ships has a network of the recipe's name and width."""
    card = shipped("classifier").with_suffix(".json")
    if not card.is_file():
        return False
    theirs = read_json(card).get("settings", {})
    return (theirs.get("network"), theirs.get("width")) == (settings.network, settings.width)


def card_of(
    kind: str, trained: TrainedPhotoModel, material: Material, settings: PhotoSettings, data: Sequence[str],
    licence: str,
) -> dict[str, Any]:  # fmt: skip
    """Card of a photo model."""
    parts = [f"{settings.training.network} × {settings.training.width:g}"] if trained.network is not None else []
    parts += ["Fisher vectors"] if settings.training.texture is not None else []
    return {
        "kind": kind, "name": f"{kind}: {' and '.join(parts)}",
        "classes": list(material.task.classes), "label_of": material.task.label_of, "licence": licence,
        "trained_on": list(data), "photos": len(material.photos), "groups": len(np.unique(material.groups)),
        "input": f"({material.pixels.shape[1]}, {material.pixels.shape[1]}, 3), 0–255; preprocessing is inside",
        "scores": {f"validation macro-F1, {k}": round(v, 4) for k, v in trained.figures.items()},
        "validation_photos": len(trained.validation), "settings": settings.training.model_dump(mode="json"),
    }  # fmt: skip
