"""Photos that people send: checked, stripped of what they say of their owner, judged, and handed on as sightings.

The folder of an intake holds ``photos/`` (pixels alone, named by their digest), ``sightings.csv`` in the columns that
the sightings source reads, and ``consent.jsonl``. A photo without consent is not opened.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from oceanclean.errors import InputError, OceancleanError
from oceanclean.settings import Settings, config_root, load
from oceanclean.store import write_aside
from oceanclean.vision.photos.exif import PhotoFacts, read_facts
from oceanclean.vision.photos.pictures import open_photo

if TYPE_CHECKING:
    from PIL.Image import Image

#: Columns of ``sightings.csv``; the first ten are those of the sightings source.
COLUMNS = ("time", "latitude", "longitude", "observer", "description", "area_m2", "mass_kg", "class_name",
           "probability", "available_at", "photo", "grade", "material")  # fmt: skip
#: What a person may allow beside the use for cleaning up, which every consent covers.
PURPOSES = ("training", "publication")
#: A photo's pixels to probabilities by name, e.g. {"clean": .1, "medium": .3, "litter": .6}.
Judge = Callable[["Image"], Mapping[str, float]]


class IntakeSettings(Settings):
    """What is taken in, and how far it is believed."""

    max_bytes: int = Field(default=30_000_000, ge=1000, description="largest file, bytes")
    max_pixels: int = Field(default=60_000_000, ge=1000, description="largest picture, pixels")
    min_edge: int = Field(default=64, ge=16, description="shortest edge that can be judged, pixels")
    stored_edge: int = Field(default=1600, ge=64, description="long edge of the copy that is kept, pixels")
    prior_trust: float = Field(default=0.6, gt=0, lt=1, description="trust in a report before its photo is seen")
    clean_share: float = Field(default=1 / 3, gt=0, lt=1, description="share of clean photos the grade learned from")
    strongest_evidence: float = Field(default=10.0, ge=1, description="largest factor of the odds by one photo")
    oldest_days: float = Field(default=30.0, gt=0, description="an older photo is refused: its debris has drifted off")
    clock_error_min: float = Field(default=5.0, ge=0, description="a time this far in the future is a clock's error")


def load_intake_settings(config: Path | None = None) -> IntakeSettings:
    """Settings of ``config/models/intake.yaml``, or the defaults where there is no such file."""
    path = config_root(config) / "models" / "intake.yaml"
    return load(path, IntakeSettings) if path.is_file() else IntakeSettings()


@dataclass(frozen=True)
class Consent:
    """What the person who sent the photos agreed to.

    Attributes:
        observer: name or pseudonym under which the sighting is filed.
        given_at: when, with zone.
        purposes: those of :data:`PURPOSES` allowed beside the cleanup itself.
        licence: under which the photo may be kept, e.g. "CC BY 4.0"; needed for publication.
    """

    observer: str
    given_at: datetime
    purposes: tuple[str, ...] = ()
    licence: str = ""

    def __post_init__(self) -> None:
        if not self.observer.strip() or self.given_at.tzinfo is None:
            raise InputError("consent", "observer, given_at", (self.observer, self.given_at),
                             "a name or pseudonym and a time with zone", "Ask the person and record both.")  # fmt: skip
        unknown = sorted(set(self.purposes) - set(PURPOSES))
        if unknown or ("publication" in self.purposes and not self.licence):
            raise InputError("consent", "purposes", unknown or "publication without licence",
                             f"some of {PURPOSES}; publication with a licence", "Record what was agreed.")  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Position and time told by the person, used where the photo does not tell them.

    Attributes:
        lat: degrees.
        lon: degrees.
        time: with zone.
        zone: zone of a camera clock without offset.
        area_m2: extent of the litter, if the person gave one.
    """

    lat: float | None = None
    lon: float | None = None
    time: datetime | None = None
    zone: tzinfo | None = None
    area_m2: float | None = None


@dataclass
class IntakeResult:
    """What became of the photos.

    Attributes:
        rows: sightings, by the columns of :data:`COLUMNS`.
        refused: photo to sentence.
        sightings: the CSV file.
    """

    sightings: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def take_in(
    photos: Sequence[Path],
    consent: Consent,
    folder: Path,
    *,
    grade: Judge,
    material: Judge,
    now: datetime,
    place: Place | None = None,
    settings: IntakeSettings | None = None,
) -> IntakeResult:
    """Take photos in and hand them on as sightings; one that cannot be used is said, the others go on.

    Args:
        photos: files as they were sent.
        consent: of the person who sent them.
        folder: where the intake is kept; sightings are added to those there.
        grade: probabilities of clean, medium and litter.
        material: probabilities of the five materials.
        now: time of receipt, with zone.
        place: what the person says; the photo's own position and time come first.
        settings: bounds and trust.

    Returns:
        Sightings and refusals.
    """
    settings, place = settings or IntakeSettings(), place or Place()
    result = IntakeResult(folder / "sightings.csv")
    known = _read_rows(result.sightings)
    seen = {row["photo"] for row in known}
    for path in photos:
        try:
            picture = _checked(path, settings)
            facts = _placed(path, read_facts(path, place.zone), place, now, settings)
            name, encoded = _stripped(picture, settings)
            if name in seen:
                result.refused[str(path)] = "the same photo was taken in before"
                continue
            row = _sighting(facts, consent, grade(picture), material(picture), now, settings)
        except OceancleanError as error:
            result.refused[str(path)] = str(error)
            continue
        with write_aside(folder / "photos" / name) as aside:
            aside.write_bytes(encoded)
        _record_consent(folder / "consent.jsonl", name, consent)
        seen.add(name)
        result.rows.append(row | {"photo": name, "area_m2": "" if place.area_m2 is None else place.area_m2})
    _write_rows(result.sightings, known + result.rows)
    return result


def trust(p_clean: float, settings: IntakeSettings) -> float:
    """Probability that there is litter, given the report and its photo.

    Bayes' rule on the odds: prior odds of a report, times the likelihood ratio of the photo, which is the grade's odds
    of "not clean" over those of the photos it learned from. The ratio is bounded: a network's certainty on a photo
    unlike its training is not evidence.
    """
    p = min(max(p_clean, 1e-6), 1 - 1e-6)
    ratio = ((1 - p) / p) / ((1 - settings.clean_share) / settings.clean_share)
    ratio = min(max(ratio, 1 / settings.strongest_evidence), settings.strongest_evidence)
    odds = ratio * settings.prior_trust / (1 - settings.prior_trust)
    return odds / (1 + odds)


def _checked(path: Path, settings: IntakeSettings) -> Image:
    picture = open_photo(path, max_bytes=settings.max_bytes, max_pixels=settings.max_pixels)
    if min(picture.size) < settings.min_edge:
        raise InputError(path, "pixels", f"{picture.width} × {picture.height}", f"edges of {settings.min_edge} or more",
                         "Send the photo at full size.")  # fmt: skip
    return picture


def _placed(path: Path, facts: PhotoFacts, place: Place, now: datetime, settings: IntakeSettings) -> PhotoFacts:
    """Facts with position and time, the photo's own first.

    Raises:
        InputError: one of them is unknown, or the time is in the future or long past.
    """
    lat, lon = (facts.lat, facts.lon) if facts.lat is not None else (place.lat, place.lon)
    time = facts.time or place.time
    if lat is None or lon is None or not (abs(lat) <= 90 and -180 <= lon <= 360):
        raise InputError(path, "position", None if lat is None else (lat, lon), "a position in EXIF or told",
                         "Give --lat and --lon, or switch the camera's location on.")  # fmt: skip
    if time is None:
        raise InputError(path, "time", facts.local_time or "none", "a time with zone in EXIF or told",
                         "Give --time, or --zone of the camera's clock.")  # fmt: skip
    late_min = (time - now).total_seconds() / 60
    if late_min > settings.clock_error_min or -late_min > settings.oldest_days * 1440:
        raise InputError(path, "time", time.isoformat(), f"within {settings.oldest_days:g} days before {now}",
                         "Give the true time with --time.")  # fmt: skip
    return PhotoFacts(min(time, now).astimezone(UTC), None, lat, lon, facts.error_m)


def _stripped(picture: Image, settings: IntakeSettings) -> tuple[str, bytes]:
    """Name by digest and bytes of a copy that holds pixels and nothing else."""
    from PIL import Image

    small = picture.copy()
    small.thumbnail((settings.stored_edge, settings.stored_edge), Image.Resampling.LANCZOS)
    plain = Image.fromarray(np.asarray(small, np.uint8))
    buffer = io.BytesIO()
    plain.save(buffer, format="JPEG", quality=90)
    return f"{hashlib.sha256(plain.tobytes()).hexdigest()[:16]}.jpg", buffer.getvalue()


def _sighting(
    facts: PhotoFacts, consent: Consent, grade: Mapping[str, float], material: Mapping[str, float], now: datetime,
    settings: IntakeSettings,
) -> dict[str, Any]:  # fmt: skip
    assert facts.time is not None  # noqa: S101  (_placed refused it otherwise)
    best_grade, best_material = max(grade, key=lambda k: grade[k]), max(material, key=lambda k: material[k])
    words = f"photo: {best_grade} ({grade[best_grade]:.2f}), {best_material} ({material[best_material]:.2f})"
    if facts.error_m is not None and math.isfinite(facts.error_m):
        words += f", position ±{facts.error_m:.0f} m"
    return {
        "time": _iso(facts.time), "latitude": round(float(facts.lat or 0), 6),
        "longitude": round(float(facts.lon or 0), 6), "observer": _cell(consent.observer), "description": words,
        "area_m2": "", "mass_kg": "", "class_name": "marine_debris",
        "probability": round(trust(float(grade.get("clean", 0.0)), settings), 4), "available_at": _iso(now),
        "grade": best_grade, "material": best_material,
    }  # fmt: skip


def _cell(text: str) -> str:
    """A person's words as a table can hold them: no line break, no comment sign, nothing that a spreadsheet runs."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text.replace("#", " ")).split())
    return words.lstrip("=+-@ ")[:80]


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _record_consent(path: Path, photo: str, consent: Consent) -> None:
    """Append one line; a consent is never changed, a later one for the same photo counts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    record = asdict(consent) | {"photo": photo, "given_at": consent.given_at.isoformat()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, sort_keys=True) + "\n")


def _read_rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with write_aside(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
