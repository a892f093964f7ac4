"""How services are called, and what a preset of ``config/services`` says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from oceanclean.errors import SettingsError
from oceanclean.settings import (
    ServiceSettings,
    Settings,
    SourceSettings,
    config_root,
    load,
    load_model_settings,
    named,
)

#: Words that name a secret; their value never stands in a settings file, only the variable that holds it.
_SECRET = ("password", "secret", "token", "api_key", "apikey", "authorization")


class WebSettings(Settings):
    """Time-outs, tries, pace and limits of calls; ``config/models/services.yaml`` says what each is for."""

    connect_s: float = Field(default=10, gt=0, le=600)
    read_s: float = Field(default=60, gt=0, le=3600)
    budget_s: float = Field(default=900, gt=0, le=86400)
    tries: int = Field(default=4, ge=1, le=20)
    backoff_s: float = Field(default=1.0, ge=0, le=600)
    retry_after_max_s: int = Field(default=120, ge=0, le=3600)
    per_second: float = Field(default=4, gt=0, le=1000)
    range_block_kib: int = Field(default=512, ge=16, le=65536)
    max_file_gib: float = Field(default=4, gt=0, le=64)
    live_h: float = Field(default=6, ge=0, le=48)
    keep_days: float | None = Field(default=None, gt=0)
    late_h: float = Field(default=26, gt=0)


def web_settings(config: Path | None = None, own: dict[str, Any] | None = None) -> WebSettings:
    """Settings of calls, with a source's own ``web`` options on top.

    Raises:
        SettingsError: an unknown or impossible value.
    """
    path = config_root(config) / "models" / "services.yaml"
    base = load_model_settings("services", WebSettings, config) if path.is_file() else WebSettings()
    try:
        return WebSettings.model_validate({**base.model_dump(), **(own or {})})
    except ValueError as error:
        raise SettingsError("config/sources", "fetch.options.web", own, "settings of config/models/services.yaml",
                            str(error).splitlines()[2].strip()) from error  # fmt: skip


def with_preset(source: SourceSettings, config: Path | None = None) -> ServiceSettings:
    """A source's service with what its preset says filled in.

    Raises:
        SettingsError: no service, no such preset, or a secret written out.
    """
    wanted = source.fetch
    if wanted is None:
        raise SettingsError("config/sources", "fetch", "nothing", "a service or preset", "Name one, or leave it out.")
    if wanted.preset:
        preset = load(named("services", wanted.preset, config), ServiceSettings)
        wanted = ServiceSettings(service=wanted.service or preset.service, preset=wanted.preset,
                                 options={**preset.options, **wanted.options})  # fmt: skip
    for key in wanted.options:
        if any(word in key.lower() for word in _SECRET) and not key.endswith(("_env", "_url")):
            raise SettingsError("config/sources", f"fetch.options.{key}", "a secret written out",
                                f"{key}_env: the name of an environment variable", "Move it there.")  # fmt: skip
    return wanted
