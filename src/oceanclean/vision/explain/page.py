"""``oceanclean explain …``: figures in a folder, and one page that holds them all and needs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.policy import under_policy
from oceanclean.store import write_aside
from oceanclean.vision.explain import figures as draw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.photos.deploy import PhotoModel
    from oceanclean.vision.photos.sets import PhotoSet
    from oceanclean.vision.photos.settings import PhotoSettings

Progress = Callable[[str, float], None]
_SHOWN = 8
#: Figures of the segmenter whose loss is shown by band.
_BAND_FIGURES = (("debris_f1", "marine debris"), ("floating_f1", "floating matter"), ("macro_f1", "all classes"))


@dataclass(frozen=True)
class Part:
    """One figure of a page.

    Attributes:
        name: of its file.
        title: heading.
        words: what it shows, one sentence.
        png: the figure.
    """

    name: str
    title: str
    words: str
    png: bytes


def explain_photos(
    kind: str, data: Sequence[Path], settings: PhotoSettings, out: Path, *, model: str | Path | None = None,
    progress: Progress,
) -> Path:  # fmt: skip
    """Explain a photo model on labelled photos.

    Args:
        kind: ``classifier`` or ``cleanliness``.
        data: folders of labelled photos that the model did not learn from.
        settings: classes of the labels.
        out: folder for the figures and the page.
        model: None for the model that ships, or a path.
        progress: told what is being done and the share done.

    Returns:
        The page.
    """
    from oceanclean.vision.photos.deploy import PhotoModel
    from oceanclean.vision.photos.scores import confusion
    from oceanclean.vision.photos.sets import pixels_of, read_photos

    judge, photos = PhotoModel(model, kind), read_photos(data, kind)
    truth = photos.targets(settings.task)
    probability = np.concatenate([
        judge(pixels_of(photos.photos[i : i + 256], judge.edge)) for i in range(0, len(photos), 256)
    ])  # fmt: skip
    progress("judged", 0.5)
    matrix = confusion(truth, probability.argmax(axis=1), len(judge.classes))
    parts = [
        Part("confusion", "What is taken for what", "Photos by their label (row) and the answer (column).",
             draw.confusion_figure(matrix.tolist(), judge.classes)),
        Part("reliability", "How far the stated probability holds", "On the dashed line a stated 0.8 is right in 8 of "
             "10 photos; below it the model is too sure.", draw.reliability_figure(probability, truth)),
        *_galleries(judge, photos, truth, probability),
    ]  # fmt: skip
    right = probability.argmax(axis=1) == truth
    facts = {"model": judge.card["name"], "file": judge.file.name, "sha256": judge.card["sha256"][:16],
             "photos": len(truth), "accuracy": float(right.mean()), "trained on": ", ".join(
                 Path(t).name for t in judge.card["trained_on"]), "licence": judge.card["licence"]}  # fmt: skip
    return write_page(out, f"{kind}: what it answers and why", facts, parts)


def _galleries(
    judge: PhotoModel, photos: PhotoSet, truth: NDArray[np.int64], probability: NDArray[np.float32]
) -> list[Part]:
    """The surest right answers, the surest wrong ones, and the photos it was least sure of."""
    answer, confidence = probability.argmax(axis=1), probability.max(axis=1)
    right = answer == truth
    wanted = (
        ("right", "Right and sure", np.flatnonzero(right)[np.argsort(-confidence[right])]),
        ("wrong", "Wrong and sure", np.flatnonzero(~right)[np.argsort(-confidence[~right])]),
        ("unsure", "Least sure", np.argsort(confidence)),
    )
    parts = []
    for name, title, rows in wanted:
        if len(rows):
            words = "Each photo with the places that speak for the answer (Grad-CAM) below it."
            parts.append(Part(name, title, words, _gallery(judge, photos, truth, probability, _spread(rows, answer))))
    return parts


def _spread(rows: NDArray[np.intp], answer: NDArray[np.intp]) -> list[int]:
    """The first rows, the answers taking turns, so that one class does not fill the gallery."""
    turns: dict[int, int] = {}
    order = []
    for place, row in enumerate(rows):
        turn = turns.get(int(answer[row]), 0)
        turns[int(answer[row])] = turn + 1
        order.append((turn, place, int(row)))
    return [row for _, _, row in sorted(order)[:_SHOWN]]


def _gallery(
    judge: PhotoModel, photos: PhotoSet, truth: NDArray[np.int64], probability: NDArray[np.float32], rows: list[int]
) -> bytes:
    from oceanclean.errors import InputError
    from oceanclean.vision.explain.gradcam import grad_cam, overlay
    from oceanclean.vision.photos.sets import pixels_of

    pixels = pixels_of([photos[i] for i in rows], judge.edge)
    heats: list[Any] = []
    for image, row in zip(pixels, rows, strict=True):
        try:
            heats.append(overlay(image, grad_cam(judge.stored().model, image, int(probability[row].argmax()))))
        except InputError:  # a model of textures alone has no plane to show
            heats.append(None)
    titles = [
        f"{judge.classes[int(probability[i].argmax())]} {probability[i].max():.2f}\n"
        f"label {judge.classes[int(truth[i])]}"
        for i in rows
    ]
    return draw.gallery_figure(list(pixels), heats, titles)


def explain_segmenter(data: Sequence[Path], out: Path, *, model: str | Path | None = None, progress: Progress) -> Path:
    """Hits, misses and false alarms, reliability and band importance of the satellite segmenter: figures and page."""
    from oceanclean.vision.explain.bands import band_importance
    from oceanclean.vision.explain.scenes import gallery_png, reliability_png, scene_gallery
    from oceanclean.vision.zoo import load_segmenter

    gallery = scene_gallery(data, model, progress)
    shown = [
        Part("gallery", "Hits, misses and false alarms",
             "Of each scene the patches with most of each, in true colour, and again with the pixels in yellow.",
             gallery_png(gallery)),
        Part("reliability", "How far to believe a probability of debris",
             "On the dashed line a stated probability is the share that is debris; labelled pixels above 5 %.",
             reliability_png(gallery)),
    ]  # fmt: skip
    table = band_importance(data, model, progress=progress)
    with write_aside(out / "bands.csv") as aside:
        table.to_csv(aside, index=False)
    words = ("Blue: F1 lost when the band's values are exchanged among the pixels of an image, so what the model uses. "
             "Orange: F1 lost when the sensor lacks the band and its neighbours stand in; "
             "without a core band no scene is segmented.")  # fmt: skip
    parts = [
        *shown,
        *(Part(f"bands_{key}", f"Bands for {title}", words, draw.band_figure(table, key))
          for key, title in _BAND_FIGURES),
    ]  # fmt: skip
    base, segmenter = table.iloc[0], load_segmenter(str(model) if model else None)
    facts = {
        "model": segmenter.name,
        "sha256": segmenter.sha256[:16],
        **{k.replace("score_", "").replace("_", " "): float(base[k]) for k in base.index if k.startswith("score")},
    }
    return write_page(out, "segmenter: what it finds, how sure, and which bands matter", facts, parts)


def write_page(out: Path, title: str, facts: dict[str, Any], parts: Sequence[Part]) -> Path:
    """Write every figure as PNG and all of them into ``index.html``, which loads nothing from elsewhere."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    for part in parts:
        with write_aside(out / f"{part.name}.png") as aside:
            aside.write_bytes(part.png)
    environment = Environment(loader=PackageLoader("oceanclean.vision.explain"), autoescape=True,
                              undefined=StrictUndefined)  # fmt: skip
    text = environment.get_template("explain.html.j2").render(
        title=title, facts={k: draw.rounded(v) for k, v in facts.items()},
        parts=[{"title": p.title, "words": p.words, "image": draw.data_uri(p.png)} for p in parts],
    )  # fmt: skip
    page = out / "index.html"
    with write_aside(page) as aside:
        aside.write_text(under_policy(text), encoding="utf-8")
    return page
