"""Frames and orthomosaics that drone crews copy into a folder become detections, a source of sightings.

A service like those of :mod:`oceanclean.sources.services`, which stands here since it needs the litter detector.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from oceanclean.errors import InputError, MissingDataError, SettingsError
from oceanclean.sources.places import expand
from oceanclean.sources.services.contract import Found, Service, service
from oceanclean.store import digest_file, digest_record

#: Frames carry position, gimbal and time in EXIF and XMP; orthomosaics are GeoTIFFs.
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff"})
_STAMP = re.compile(r"(?<!\d)(\d{8})T(\d{6})Z")


@service("drone_folder")
class DroneFolder(Service):
    """Images of a folder, each searched once by each model and camera setting.

    Options: ``folder``; ``camera``, what the files do not say (``height_m``, ``pitch_deg`` …, as ``--camera`` of
    ``oceanclean detect-objects``); ``taken``, a time for files that say none (in EXIF or, as ``20260615T093000Z``, in
    their name); ``settle_s`` and ``max_mib``. The originals stay where they are; of their metadata only place and time
    go on.
    """

    needed = frozenset({"folder"})
    options = needed | {"camera", "taken", "settle_s", "max_mib"}

    def search(self) -> list[Found]:
        """Images that nobody is still writing."""
        from oceanclean.vision import detector
        from oceanclean.vision.models import model_file

        folder = Path(expand(str(self.option("folder"))))
        if not folder.is_dir():
            raise MissingDataError(folder, "folder", "no such folder", "the folder of drone images", "Make it.")
        settings = detector.load_detector_settings(self.want.config)
        by = {"settings": settings.model_dump(mode="json"), "camera": self._camera(), "taken": self.option("taken")}
        by["model"] = digest_file(model_file(settings.model, "detector"))
        found = []
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() not in _SUFFIXES or path.name.startswith(".") or path.is_symlink():
                continue
            came = pd.Timestamp(path.stat().st_ctime, unit="s", tz="UTC")
            if self.want.now - came < pd.Timedelta(seconds=float(self.option("settle_s", 5))):
                continue
            digest = digest_file(path)
            found.append(Found(
                name=f"{path.stem}-{digest[:10]}.parquet", version=digest_record({"file": digest, **by}),
                available_at=came.strftime("%Y-%m-%dT%H:%M:%SZ"), origin=path.name, facts={"path": str(path)},
            ))  # fmt: skip
        return found

    def _camera(self) -> dict[str, float]:
        """What the settings say of the camera.

        Raises:
            SettingsError: it is no mapping of numbers.
        """
        from oceanclean.vision import detector

        given = self.option("camera", {})
        if not isinstance(given, Mapping):
            raise SettingsError("config/sources", "fetch.options.camera", given, "a mapping such as {height_m: 60}",
                                "Correct it.")  # fmt: skip
        return detector.camera_facts([f"{key}={value}" for key, value in given.items()])

    def _taken(self, stem: str) -> str:
        """A time in UTC from a file's name, since an orthomosaic holds none; else the option's."""
        stamp = _STAMP.search(stem)
        if stamp is None:
            return str(self.option("taken", ""))
        day, clock = stamp[1], stamp[2]
        return f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}Z"

    def fetch(self, found: Found, scratch: Path) -> None:
        """Nothing to bring: the file is here."""
        del scratch
        path, limit = Path(found.facts["path"]), float(self.option("max_mib", 2000))
        if path.stat().st_size > limit * 2**20:
            raise InputError(path.name, "file", "too large", f"at most {limit:g} MiB", "Cut it, or raise max_mib.")

    def normalise(self, found: Found, scratch: Path, target: Path) -> None:
        """Detections of one image, available when the image came.

        Raises:
            InputError: it cannot be read.
            MissingDataError: neither the file nor the settings say where or when it was taken.
        """
        from oceanclean.products.files import save_table
        from oceanclean.vision import detector

        del scratch
        table = detector.detect_objects(
            [Path(found.facts["path"])], target, detector.load_detector_settings(self.want.config),
            camera=self._camera(), taken=detector.parse_moment(self._taken(Path(found.facts["path"]).stem)),
        ).table  # fmt: skip
        came = pd.Timestamp(found.available_at)
        save_table("Detections", table.assign(available_at=table["available_at"].clip(lower=came)), target)
