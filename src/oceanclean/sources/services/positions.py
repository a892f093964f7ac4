"""Vessels' positions: AIS and GPS sentences (NMEA 0183) become the fleet's status table."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from oceanclean.errors import MissingDataError, SettingsError
from oceanclean.settings import load_fleet_settings
from oceanclean.sources.places import expand
from oceanclean.sources.services.contract import Found, Service, needs, service
from oceanclean.sources.times import iso
from oceanclean.store import digest_file

#: A logger's time before a sentence: ISO 8601, then a comma, semicolon or space.
_STAMPED = re.compile(r"^(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))[,; ]+(?=[!$\\])")
_SUFFIXES = (".nmea", ".ais", ".log", ".txt")


@service("nmea")
class Nmea(Service):
    """Files of sentences in a folder, or one behind an address.

    AIS says who (MMSI) and where, not on which day: a sentence counts at the time of its tag block or of the logger's
    stamp before it, and is passed over without one. GPS sentences (RMC) say when and where, not who: option ``vessel``.
    """

    options = frozenset({"folder", "url", "vessel"})

    def search(self) -> list[Found]:
        """Files by name; a file that grew is taken again."""
        if self.option("url"):
            slot = min(self.want.now, self.want.until).floor("1h")
            return [
                Found(name=f"positions_{slot:%Y%m%dT%H}.csv", version=f"{slot:%Y%m%dT%H}", origin="nmea by address")
            ]
        folder = Path(expand(str(self.option("folder", ""))))
        if not self.option("folder") or not folder.is_dir():
            raise MissingDataError(folder, "folder", "no such folder", "a folder of NMEA files, or option url",
                                   "Correct the option.")  # fmt: skip
        return [
            Found(name=f"positions_{p.stem}.csv", version=digest_file(p)[:16], origin=p.name, facts={"path": str(p)})
            for p in sorted(folder.iterdir()) if p.suffix.lower() in _SUFFIXES and not p.name.startswith(".")
        ]  # fmt: skip

    def fetch(self, found: Found, scratch: Path) -> None:
        """Bring the sentences into the folder."""
        scratch.mkdir(parents=True, exist_ok=True)
        if self.option("url"):
            self.web().download(self.option("url"), scratch / "sentences.nmea")
        else:
            (scratch / "sentences.nmea").write_bytes(Path(found.facts["path"]).read_bytes())

    def normalise(self, found: Found, scratch: Path, target: Path) -> None:
        """One row a fix of a vessel of the fleet."""
        fleet = load_fleet_settings(self.want.region.settings.fleet, self.want.config)
        by_mmsi = {v.mmsi: v.id for v in fleet.vessels if v.mmsi}
        own = str(self.option("vessel", ""))
        if own and own not in {v.id for v in fleet.vessels}:
            raise SettingsError("config/sources", "fetch.options.vessel", repr(own),
                                f"one of {[v.id for v in fleet.vessels]}", "Correct the vessel's id.")  # fmt: skip
        rows = set()
        text = (scratch / "sentences.nmea").read_text(encoding="ascii", errors="replace")
        for who, when, lat, lon in fixes(text.splitlines()):
            vessel = by_mmsi.get(who) if who else own
            if vessel:
                rows.add((vessel, when, round(lat, 6), round(lon, 6)))
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["vessel_id", "time", "latitude", "longitude"])
            writer.writerows(sorted(rows))


def fixes(lines: list[str]) -> Iterator[tuple[str, str, float, float]]:
    """Fixes of NMEA sentences: MMSI (empty for GPS), ISO 8601 UTC, latitude, longitude.

    Sentences with a wrong checksum, without a position or without a time are passed over.
    """
    needs("pyais")
    waiting: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for line in lines:
        stamp, sentence = _stamp_of(line.strip())
        if not _whole(sentence):
            continue
        if sentence[3:6] == "RMC":
            fix = _rmc(sentence)
            if fix:
                yield ("", *fix)
            continue
        if sentence[:1] != "!":
            continue
        head = sentence.split(",")
        key = (head[3], head[4])
        parts = [*waiting.pop(key, []), (stamp, sentence)] if head[2] != "1" else [(stamp, sentence)]
        if int(head[1]) > len(parts):
            waiting[key] = parts
            continue
        time = next((t for t, _ in parts if t), "")
        place = _ais([s for _, s in parts])
        if time and place:
            yield (place[0], time, place[1], place[2])


def _stamp_of(line: str) -> tuple[str, str]:
    """The time that stands before a sentence (ISO 8601 UTC or empty), and the sentence."""
    stamped = _STAMPED.match(line)
    if stamped:
        return iso(pd.Timestamp(stamped.group(1))), line[stamped.end() :]
    if line.startswith("\\") and line.count("\\") >= 2:
        block, sentence = line[1:].split("\\", 1)
        moment = re.search(r"(?:^|,)c:(\d{9,13})", block.split("*")[0])
        if moment:
            seconds = int(moment.group(1)) / (1000 if len(moment.group(1)) > 10 else 1)
            return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), sentence
        return "", sentence
    return "", line


def _whole(sentence: str) -> bool:
    """Whether a sentence's checksum holds (NMEA 0183: exclusive or of what stands between ``!`` or ``$`` and ``*``)."""
    match = re.match(r"^[!$]([^*]+)\*([0-9A-Fa-f]{2})$", sentence)
    if not match or sentence.count(",") < 6:
        return False
    value = 0
    for byte in match.group(1).encode("ascii", "replace"):
        value ^= byte
    return value == int(match.group(2), 16)


def _ais(sentences: list[str]) -> tuple[str, float, float] | None:
    """MMSI and position of an AIS message; None where it has none."""
    import pyais

    try:
        message: Any = pyais.decode(*sentences)
    except (pyais.exceptions.AISBaseException, ValueError, IndexError):
        return None
    lat, lon = getattr(message, "lat", None), getattr(message, "lon", None)
    if lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180:  # 91° and 181° say "not known"
        return None
    return f"{int(message.mmsi):09d}", float(lat), float(lon)


def _rmc(sentence: str) -> tuple[str, float, float] | None:
    """Time and position of a GPS fix (RMC); None where the receiver had none."""
    part = sentence.split("*")[0].split(",")
    try:
        if part[2] != "A":
            return None
        when = datetime.strptime(f"{part[9]}{part[1][:6]}", "%d%m%y%H%M%S").replace(tzinfo=UTC)
        lat = (float(part[3][:2]) + float(part[3][2:]) / 60) * (-1 if part[4] == "S" else 1)
        lon = (float(part[5][:3]) + float(part[5][3:]) / 60) * (-1 if part[6] == "W" else 1)
    except (ValueError, IndexError):
        return None
    return (when.strftime("%Y-%m-%dT%H:%M:%SZ"), lat, lon) if abs(lat) <= 90 and abs(lon) <= 180 else None
