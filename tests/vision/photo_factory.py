"""Photos made for tests: things of different surface on a plain ground, with or without EXIF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

#: Label to surface: stripes across, stripes along, plain colour with noise.
SURFACES = ("paper", "glass", "plastic", "trash", "organic")


def surface(label: str, rng: np.random.Generator, edge: int = 96) -> np.ndarray:
    """A photo (edge, edge, 3) whose texture and colour tell its label."""
    y, x = np.mgrid[:edge, :edge]
    phase = rng.uniform(0, 6)
    wave = {
        "paper": np.sin(x / 2 + phase), "glass": np.sin(y / 2 + phase), "plastic": np.sin((x + y) / 3 + phase),
        "trash": rng.choice([-1, 1], (edge, edge)), "organic": np.sin(x / 7 + phase) * np.sin(y / 7),
    }[label]  # fmt: skip
    tint = np.array({"paper": (1, 1, 1), "glass": (0.6, 1, 0.7), "plastic": (0.6, 0.7, 1), "trash": (1, 0.8, 0.8),
                     "organic": (0.8, 1, 0.4)}[label])  # fmt: skip
    # Light that falls differently on every photo, so that no two are alike.
    light = np.asarray(Image.fromarray(rng.uniform(70, 180, (5, 5)).astype(np.float32)).resize((edge, edge)))
    image = (light[..., None] + 35 * wave[..., None]) * tint + rng.normal(0, 6, (edge, edge, 3))
    return np.clip(image, 0, 255).astype(np.uint8)


def write_set(folder: Path, each: int, seed: int = 0, labels: tuple[str, ...] = SURFACES, edge: int = 96) -> Path:
    """A folder with a sub-folder a label."""
    rng = np.random.default_rng(seed)
    for label in labels:
        (folder / label).mkdir(parents=True, exist_ok=True)
        for i in range(each):
            Image.fromarray(surface(label, rng, edge)).save(folder / label / f"{label}{i}.jpg", quality=92)
    return folder


def write_photo(
    path: Path, *, lat: float | None = 43.5, lon: float | None = -8.25, gps_time: str | None = "2026:06:01 08:30:15",
    clock: str | None = None, offset: str | None = None, seed: int = 0, size: tuple[int, int] = (320, 240),
) -> Path:  # fmt: skip
    """A JPEG with EXIF as a phone writes it."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x010F] = "Maker of phones"
    gps: dict[int, object] = {}
    if lat is not None and lon is not None:
        gps |= {1: "N" if lat >= 0 else "S", 2: _sexagesimal(lat), 3: "E" if lon >= 0 else "W", 4: _sexagesimal(lon)}
    if gps_time:
        day, hours = gps_time.split()
        gps |= {29: day, 7: tuple(float(p) for p in hours.split(":"))}
    if gps:
        exif[0x8825] = gps
    camera = {k: v for k, v in ((0x9003, clock), (0x9011, offset)) if v}
    if camera:
        exif[0x8769] = camera
    path.parent.mkdir(parents=True, exist_ok=True)
    small.resize(size, Image.Resampling.BICUBIC).save(path, exif=exif, quality=90)
    return path


def _sexagesimal(value: float) -> tuple[float, float, float]:
    value = abs(value)
    minutes = (value % 1) * 60
    return (float(int(value)), float(int(minutes)), round((minutes % 1) * 60, 4))
