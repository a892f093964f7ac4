"""The order in which ``oceanclean --help`` names its commands: by use, those of a planner's day first."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

#: Heading to the commands under it, in the order of the help.
BY_USE: dict[str, tuple[str, ...]] = {
    "Each day": (
        "plan", "replan", "approve", "report", "serve-plan", "archive", "status", "audit", "regions",
    ),
    "What boats and analysts send back": ("feedback", "lineage", "maps"),
    "Parts of a day": (
        "fetch", "ingest", "detect", "map", "forecast", "allocate", "what-if", "publish", "plan-all",
        "backfill", "segment", "segment-all", "detect-objects", "twin",
    ),
    "Models and data": ("data", "train", "evaluate", "explain", "models"),
    "Running it as a service": ("monitor", "serve", "tokens", "retention", "sbom"),
}  # fmt: skip


class ByUse(TyperGroup):
    """Names commands in the order of :data:`BY_USE`; one that stands nowhere in it comes last."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands, in the order of the help."""
        wanted = [name for names in BY_USE.values() for name in names]
        known = super().list_commands(ctx)
        return sorted(known, key=lambda name: wanted.index(name) if name in wanted else len(wanted))


def under_headings(app: typer.Typer) -> None:
    """Put every command and group of commands under its heading."""
    heading = {name: title for title, names in BY_USE.items() for name in names}
    parts: list[Any] = [*app.registered_commands, *app.registered_groups]
    for part in parts:
        name = part.name or part.callback.__name__
        if name in heading:
            part.rich_help_panel = heading[name]
