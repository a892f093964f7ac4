"""What people report back, kept as labels: catches, judged sightings, analysts' labels. Versioned, with provenance.

One chained log (``<work>/labels/labels.jsonl``); a label is never changed, a later line may replace it and says why. A
version of the store is a number of lines, so that a model's training can name exactly what it learned from.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean import chained_log
from oceanclean.errors import InputError
from oceanclean.store import lock

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

KINDS = ("catch", "sighting", "annotation")
VERDICTS = ("", "confirmed", "false")
_CONSEQUENCE = "do not train on the store until then"


@dataclass(frozen=True)
class Label:
    """One thing that somebody saw, caught or judged.

    Attributes:
        label_id: what it is about, the same in a later line that replaces it.
        kind: one of :data:`KINDS`.
        region: name.
        geometry: GeoJSON geometry, EPSG:4326.
        observed_at: ISO 8601 UTC.
        class_name: one of ``products.names.CLASSES``, or "" where unknown.
        verdict: ``confirmed``, ``false``, or "" where nothing was judged.
        caught_kg: of a catch, kg.
        scene_id: scene that an annotation was drawn on, or "".
        by: who reported or judged.
        added_at: when it came into the store, ISO 8601 UTC.
        origin: name and digest of the file it came in.
        model: model and digest that made the detection in question, or "".
        licence: under which it may be used.
        why: of a replacement, the reason.
        number: line of the store; 0 before it stands there.
    """

    label_id: str
    kind: str
    region: str
    geometry: Mapping[str, Any]
    observed_at: str
    class_name: str
    verdict: str
    by: str
    added_at: str
    origin: str
    caught_kg: float | None = None
    scene_id: str = ""
    model: str = ""
    licence: str = ""
    why: str = ""
    number: int = 0

    @property
    def shape(self) -> BaseGeometry:
        """The geometry, EPSG:4326."""
        from shapely.geometry import shape

        return shape(self.geometry)

    def content(self) -> dict[str, Any]:
        """What makes two lines the same label said twice: all but where and when it came in."""
        own = ("added_at", "origin", "why", "number")
        return {k: v for k, v in asdict(self).items() if k not in own}


@dataclass
class Added:
    """What became of labels that were handed in.

    Attributes:
        version: of the store afterwards.
        new: labels that were not there.
        replaced: labels that stand in the place of earlier ones.
        known: labels that stood there already, word for word.
    """

    version: int
    new: list[Label] = field(default_factory=list)
    replaced: list[Label] = field(default_factory=list)
    known: int = 0


class LabelStore:
    """The label store of a work folder.

    Args:
        root: its folder, ``<work>/labels``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of(cls, work: Path) -> LabelStore:
        """The store of a work folder; it need not exist yet."""
        return cls(work / "labels")

    @property
    def log(self) -> Path:
        """The chained log."""
        return self.root / "labels.jsonl"

    def lines(self) -> list[Label]:
        """Every line, oldest first.

        Raises:
            CorruptStoreError: the store was changed.
        """
        records = chained_log.read(self.log, _CONSEQUENCE)
        return [Label(**{k: v for k, v in r.items() if k not in ("before", "digest")}) for r in records]

    def version(self) -> int:
        """Number of lines."""
        return len(self.lines())

    def labels(self, version: int | None = None, *, region: str = "", kind: str = "") -> list[Label]:
        """Labels that hold at a version: of each id the last line.

        Args:
            version: number of lines looked at; None is all.
            region: of one region only.
            kind: of one kind only.

        Raises:
            InputError: no such version.
            CorruptStoreError: the store was changed.
        """
        lines = self.lines()
        if version is not None and not 0 <= version <= len(lines):
            raise InputError(self.log, "version", version, f"0 to {len(lines)}", "See oceanclean feedback list.")
        last = {label.label_id: label for label in lines[:version]}
        chosen = [x for x in last.values() if region in ("", x.region) and kind in ("", x.kind)]
        return sorted(chosen, key=lambda x: x.number)

    def add(self, labels: Iterable[Label]) -> Added:
        """Take labels in; one that stands there word for word is not added again.

        Raises:
            InputError: a label lacks what it must say, or replaces another without a reason.
            CorruptStoreError: the store was changed.
        """
        with lock(self.root / ".lock", "The label store", wait_s=30):
            last = {x.label_id: x for x in self.lines()}
            added, lines = Added(0), []
            for label in labels:
                _check(label)
                before = last.get(label.label_id)
                if before is not None and before.content() == label.content():
                    added.known += 1
                    continue
                if before is not None and not label.why.strip():
                    raise InputError(label.origin, label.label_id, "another content than the store's, without a reason",
                                     "why the label is replaced", "Say it with --why.")  # fmt: skip
                (added.new if before is None else added.replaced).append(label)
                last[label.label_id] = label
                lines.append({k: v for k, v in asdict(label).items() if k != "number"})
            if lines:
                chained_log.extend(self.log, lines, _CONSEQUENCE)
            added.version = self.version()
        return added


def label_id(kind: str, *parts: object) -> str:
    """A name for what a label is about, the same for the same parts."""
    return f"{kind}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}"


def _check(label: Label) -> None:
    from shapely.errors import ShapelyError

    from oceanclean.products.names import CLASSES

    if label.kind not in KINDS or label.verdict not in VERDICTS:
        raise InputError(label.origin, "kind, verdict", (label.kind, label.verdict), f"{KINDS} and {VERDICTS}",
                         "Correct it.")  # fmt: skip
    if label.class_name not in ("", *CLASSES):
        raise InputError(label.origin, "class_name", label.class_name, f"one of {CLASSES}", "Correct the class.")
    if not label.by.strip():
        raise InputError(label.origin, "by", "nothing", "who reported or judged", "Name them.")
    try:
        moment, shape = datetime.fromisoformat(label.observed_at), label.shape
        west, south, east, north = shape.bounds
    except (ValueError, TypeError, KeyError, AttributeError, ShapelyError) as error:
        raise InputError(label.origin, label.label_id, str(error)[:200], "a time with zone and a GeoJSON geometry",
                         "Correct the row.") from error  # fmt: skip
    if moment.tzinfo is None or not (-180 <= west <= east <= 360 and -90 <= south <= north <= 90):
        raise InputError(label.origin, label.label_id, (label.observed_at, shape.bounds),
                         "a time with zone and degrees of EPSG:4326", "Correct the row.")  # fmt: skip


def read_annotations(path: Path, *, region: str, by: str, added_at: str, licence: str, why: str) -> list[Label]:
    """Labels of a GeoJSON file: polygons or points that analysts drew.

    Properties of a feature: ``class_name``, ``observed_at``; where known ``scene_id``, ``verdict``, ``by``, ``model``.

    Raises:
        InputError: not a FeatureCollection, or a feature lacks a property; names the feature.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        features: Sequence[Mapping[str, Any]] = content["features"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, "file", f"unreadable ({error})", "a GeoJSON FeatureCollection in EPSG:4326",
                         "Export the labels as GeoJSON.") from error  # fmt: skip
    origin, found = origin_of(path), []
    for i, feature in enumerate(features):
        said = feature.get("properties") or {}
        for key in ("class_name", "observed_at"):
            if not said.get(key):
                raise InputError(path, f"features[{i}].properties.{key}", "nothing", "a value", "Fill it in.")
        geometry, scene = feature.get("geometry") or {}, str(said.get("scene_id", ""))
        name = str(feature.get("id") or label_id("annotation", scene, json.dumps(geometry, sort_keys=True)))
        found.append(Label(
            name, "annotation", region, geometry, str(said["observed_at"]), str(said["class_name"]),
            str(said.get("verdict", "")), str(said.get("by") or by), added_at, origin, scene_id=scene,
            model=str(said.get("model", "")), licence=licence, why=why,
        ))  # fmt: skip
    return found


def origin_of(path: Path) -> str:
    """Name and digest of the file that a label came in."""
    return f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


def changes(store: LabelStore, since: int = 0) -> str:
    """What changed in the store after a version, and why: Markdown for the people who retrain.

    Args:
        store: the store.
        since: number of lines that were known.
    """
    lines = store.lines()
    known = {x.label_id: x for x in lines[:since]}
    added: list[Label] = []
    replaced: list[tuple[Label, Label]] = []
    for label in lines[since:]:
        before = known.get(label.label_id)
        if before is None:
            added.append(label)
        else:
            replaced.append((before, label))
        known[label.label_id] = label
    text = [f"# Labels: version {since} to {len(lines)}", "",
            f"{len(added)} new, {len(replaced)} replaced, {len(known)} hold.", ""]  # fmt: skip
    text += _counts("New", added)
    if replaced:
        text += ["", "| replaced | was | is | by | why |", "|---|---|---|---|---|"]
        text += [f"| {new.label_id} | {_said(old)} | {_said(new)} | {new.by} | {new.why} |" for old, new in replaced]
    return "\n".join(text) + "\n"


def _said(label: Label) -> str:
    mass = "" if label.caught_kg is None else f"{label.caught_kg:g} kg"
    return " ".join(x for x in (label.class_name, label.verdict, mass) if x) or "–"


def _counts(title: str, labels: Sequence[Label]) -> list[str]:
    counted = Counter((x.kind, x.class_name or "–", x.verdict or "–", x.by, x.origin) for x in labels)
    rows = [f"| {' | '.join(key)} | {n} |" for key, n in sorted(counted.items())]
    return [f"| {title.lower()}: kind | class | verdict | by | came in | labels |", "|---|---|---|---|---|---|", *rows]
