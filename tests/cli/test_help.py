"""The help names what a planner does first, and leaves nothing out."""

from __future__ import annotations

import typer

from oceanclean.cli.app import app
from oceanclean.cli.order import BY_USE


def test_commands_stand_in_the_order_of_use() -> None:
    """Plan, replan, approve and report come first; every command has a heading, and no heading a command too many."""
    group = typer.main.get_command(app)
    shown = group.list_commands(typer.Context(group))  # type: ignore[attr-defined]
    assert shown[:4] == ["plan", "replan", "approve", "report"]
    assert shown == [name for names in BY_USE.values() for name in names]
    assert all(group.get_command(None, name).rich_help_panel in BY_USE for name in shown)  # type: ignore[attr-defined]
