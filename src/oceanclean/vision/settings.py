"""Settings of the vision room: how a scene is cut, gated and reported, and where the model comes from."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from oceanclean.settings import Settings, config_root, load


class GateSettings(Settings):
    """When a pixel does not count as observed."""

    land_swir: float = Field(
        default=0.10, gt=0, le=1, description="mean B11 over 90 m above which it is land if NDWI < 0"
    )
    coast_accuracy_m: float = Field(default=1500, ge=0, le=20000, description="error of the coastline given")
    shore_pixels: int = Field(default=2, ge=0, le=50, description="pixels beside land that mix land and sea")
    cloud_blue: float = Field(default=0.22, gt=0, le=2, description="B2 above which, with B11 bright too, it is cloud")
    cloud_swir: float = Field(default=0.10, gt=0, le=2, description="B11 above which, with B2 bright too, it is cloud")
    cloud_swir_excess: float = Field(
        default=0.01, ge=0, le=1, description="B11 above dark water below which the classifier's cloud is not believed"
    )
    cloud_size: int = Field(default=9, ge=1, description="fewest joined cloud pixels; fewer is noise of the classifier")
    cloud_margin: int = Field(default=3, ge=0, le=50, description="pixels around a cloud whose edges mimic debris")
    glint_swir: float = Field(default=0.05, gt=0, le=1, description="mean B11 over 310 m of open water seen as glint")
    ship_swir: float = Field(
        default=0.03, gt=0, le=1, description="B11 above its surroundings, and half of it in B12, that only a ship has"
    )
    ship_size: int = Field(default=150, ge=1, description="most joined pixels of a ship; more is surf, cloud or land")
    ship_margin: int = Field(default=2, ge=0, le=50, description="pixels around a ship where debris is not believed")
    use_scl: bool = Field(default=True, description="use Sen2Cor's scene classification where the file has it")


class SegmenterSettings(Settings):
    """How a scene is segmented."""

    model: str = Field(default="", description="path of a .keras file; empty: the model that ships")
    tile: int = Field(default=512, ge=64, le=2048, description="pixels of a tile's edge that are kept")
    overlap: int = Field(
        default=40, ge=0, le=512, description="pixels read beyond each edge: the model's view and a halo"
    )
    workers: int = Field(default=0, ge=0, le=64, description="tiles worked on at once; 0: one a core, 4 at most")
    threshold: float | None = Field(default=None, gt=0, lt=1, description="of debris; empty: the one that ships")
    minimum_pixels: int = Field(default=1, ge=1, description="fewest joined pixels of a detection")
    full_cover_b8: float = Field(default=0.36, gt=0.05, le=1, description="B8 of a pixel full of wet litter")
    picture_width: int = Field(default=1400, ge=200, le=6000, description="widest side of each panel, pixels")
    gates: GateSettings = Field(default_factory=GateSettings)


def load_settings(config: Path | None = None) -> SegmenterSettings:
    """Settings of ``config/models/segmenter.yaml``, or the defaults where there is no such file.

    Raises:
        SettingsError: names file, key, value and what was expected.
    """
    path = config_root(config) / "models" / "segmenter.yaml"
    return load(path, SegmenterSettings) if path.is_file() else SegmenterSettings()
