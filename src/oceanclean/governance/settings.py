"""Settings of the room: ``config/governance.yaml``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from oceanclean.settings import Settings, config_root, load


class RetentionSettings(Settings):
    """How long what may be kept."""

    runs_days: int = Field(default=1095, ge=1)
    photos_days: int = Field(default=365, ge=1)


class TokenRules(Settings):
    """What is odd about tokens."""

    most_admins: int = Field(default=3, ge=0)
    longest_days: int = Field(default=400, ge=1)


class GovernanceSettings(Settings):
    """All of the room's settings."""

    retention: RetentionSettings = RetentionSettings()
    tokens: TokenRules = TokenRules()
    licences_to_look_at: list[str] = Field(default_factory=lambda: ["AGPL", "GPL", "SSPL", "BUSL", "not stated"])
    licences_that_are_fine: list[str] = Field(default_factory=lambda: ["LGPL"])


def load_governance_settings(config: Path | None = None) -> GovernanceSettings:
    """Settings of ``config/governance.yaml``, or the defaults where there is no such file."""
    path = config_root(config) / "governance.yaml"
    return load(path, GovernanceSettings) if path.is_file() else GovernanceSettings()
