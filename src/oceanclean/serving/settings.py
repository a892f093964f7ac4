"""Settings of the served interface: ``config/serving.yaml``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from oceanclean.settings import Settings, config_root, load


class ServingSettings(Settings):
    """Sizes and rates; see ``config/serving.yaml``."""

    max_scene_bytes: int = Field(default=1_500_000_000, ge=1000)
    max_scene_pixels: int = Field(default=130_000_000, ge=1000)
    max_photo_bytes: int = Field(default=30_000_000, ge=1000)
    max_body_bytes: int = Field(default=100_000, ge=1000)
    requests_per_minute: dict[str, int] = Field(default_factory=lambda: {"viewer": 120, "planner": 240, "admin": 240})
    wrong_tokens_per_minute: int = Field(default=30, ge=1)
    heavy_at_once: int = Field(default=1, ge=1, le=64)
    heavy_waiting: int = Field(default=4, ge=0, le=1000)
    page_limit: int = Field(default=1000, ge=1, le=100_000)


def load_serving_settings(config: Path | None = None) -> ServingSettings:
    """Settings of ``config/serving.yaml``, or the defaults where there is no such file."""
    path = config_root(config) / "serving.yaml"
    return load(path, ServingSettings) if path.is_file() else ServingSettings()
