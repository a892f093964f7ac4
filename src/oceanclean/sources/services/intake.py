"""People's sightings: tables that somebody puts into an intake folder, judged one by one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd

from oceanclean.errors import InputError, MissingDataError, OceancleanError
from oceanclean.sources.places import expand
from oceanclean.sources.services.contract import Found, Service, service
from oceanclean.sources.sightings import reports_of_file
from oceanclean.sources.times import iso
from oceanclean.store import digest_file, write_aside

#: Columns of a report as the reader ``sightings_csv`` names them, from those of the table it gives.
_COLUMNS = {"observed_at": "time", "lat": "latitude", "lon": "longitude", "observer": "observer",
            "description": "description", "area_m2": "area_m2", "mass_kg": "mass_kg", "probability": "probability",
            "class_name": "class_name", "available_at": "available_at"}  # fmt: skip
_ACCEPTED, _REFUSED = "accepted", "refused"


@service("intake_folder")
class IntakeFolder(Service):
    """CSV and GeoJSON files of a folder.

    A file that cannot be read goes to ``refused/`` with the reason beside it and does not keep the others out; one
    that was taken goes to ``accepted/``. A report became available when its file came.
    """

    needed = frozenset({"folder"})
    options = needed | {"settle_s", "max_mib"}

    @property
    def _folder(self) -> Path:
        return Path(expand(str(self.option("folder"))))

    def search(self) -> list[Found]:
        """Files that nobody is still writing."""
        if not self._folder.is_dir():
            raise MissingDataError(self._folder, "folder", "no such folder", "the intake folder", "Make it.")
        found = []
        for path in sorted(self._folder.iterdir()):
            if path.suffix.lower() not in {".csv", ".geojson"} or path.name.startswith(".") or path.is_symlink():
                continue
            came = pd.Timestamp(path.stat().st_ctime, unit="s", tz="UTC")
            if self.want.now - came < pd.Timedelta(seconds=float(self.option("settle_s", 5))):
                continue
            digest = digest_file(path)
            found.append(Found(name=f"{path.stem}-{digest[:10]}.csv", version=digest, available_at=iso(came),
                               origin=path.name, facts={"path": str(path)}))  # fmt: skip
        return found

    def fetch(self, found: Found, scratch: Path) -> None:
        """Nothing to bring: the file is here. One that is too large is refused."""
        scratch.mkdir(parents=True, exist_ok=True)
        path, limit = Path(found.facts["path"]), float(self.option("max_mib", 20))
        if path.stat().st_size > limit * 2**20:
            self._refuse(path, InputError(path.name, "file", "too large", f"at most {limit:g} MiB", "Split it."))

    def normalise(self, found: Found, scratch: Path, target: Path) -> None:
        """The reports in the reader's columns, available when their file came."""
        path, notes = Path(found.facts["path"]), list[str]()
        try:
            table = reports_of_file(_as_csv(path, scratch), self.source, notes)
        except OceancleanError as error:
            self._refuse(path, error)
        table = table.assign(available_at=found.available_at, observed_at=table["observed_at"].map(iso))
        table[list(_COLUMNS)].rename(columns=_COLUMNS).to_csv(target, index=False)

    def accept(self, found: Found) -> None:
        """Put the original away."""
        path = Path(found.facts["path"])
        _move(path, self._folder / _ACCEPTED / f"{path.stem}-{found.version[:10]}{path.suffix}")

    def _refuse(self, path: Path, error: OceancleanError) -> None:
        """Put a file aside with the reason.

        Raises:
            OceancleanError: always: the reason.
        """
        kept = self._folder / _REFUSED / f"{path.stem}-{digest_file(path)[:10]}{path.suffix}"
        _move(path, kept)
        with write_aside(kept.with_name(f"{kept.name}.why.txt")) as aside:
            aside.write_text(f"{error}\n", encoding="utf-8")
        raise error


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    shutil.move(path, target)


def _as_csv(path: Path, scratch: Path) -> Path:
    """A file of reports as CSV: GeoJSON points become rows.

    Raises:
        InputError: no GeoJSON of points.
    """
    if path.suffix.lower() == ".csv":
        return path
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        rows = []
        for feature in features:
            if feature["geometry"]["type"] != "Point":
                raise ValueError(f"a {feature['geometry']['type']}")
            lon, lat = feature["geometry"]["coordinates"][:2]
            rows.append({**(feature.get("properties") or {}), "latitude": lat, "longitude": lon})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(path.name, "file", str(error)[:120], "a GeoJSON FeatureCollection of points",
                         "Correct the file.") from error  # fmt: skip
    out = scratch / f"{path.stem}.csv"
    pd.DataFrame(rows).to_csv(out, index=False)
    return out
