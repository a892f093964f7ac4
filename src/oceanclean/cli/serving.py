"""``oceanclean serve`` and ``oceanclean tokens …``: the interface for other programs, and who may use it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from oceanclean.cli import options
from oceanclean.cli.options import AsJson, Config, Work

tokens = typer.Typer(no_args_is_help=True, help="Who may call the served interface.")


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; put TLS in front of any but this machine's own.")]
    = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    work: Work = options.DEFAULT_WORK, config: Config = None,
) -> None:  # fmt: skip
    """Serve plans, catalogue, detection, photo intake and metrics to callers with a token."""
    from oceanclean.serving import serve as run

    run(work, config, host, port)


@tokens.command("add")
def add_token(
    owner: Annotated[str, typer.Option(help="Who holds it.")],
    role: Annotated[str, typer.Option(help="viewer, planner or admin.")] = "viewer",
    days: Annotated[int, typer.Option(help="Days until it expires.", min=1, max=3660)] = 365,
    work: Work = options.DEFAULT_WORK,
) -> None:  # fmt: skip
    """Make a token; it is shown once, only its digest is kept."""
    from oceanclean.serving.tokens import TokenStore

    typer.echo(TokenStore.of(work).add(owner, role, now=datetime.now(UTC), days=days))


@tokens.command("list")
def list_tokens(work: Work = options.DEFAULT_WORK, json: AsJson = False) -> None:
    """Show who holds which role until when."""
    from oceanclean.serving.tokens import TokenStore

    found = sorted(TokenStore.of(work).tokens().values(), key=lambda t: t.made)
    rows = [{"id": t.token_id, "owner": t.owner, "role": t.role, "made": t.made, "expires": t.expires} for t in found]
    if json:
        options.show_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['id']}  {row['role']:8s} {row['made']}  until {row['expires']}  {row['owner']}")


@tokens.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(help="Its id, see tokens list.")], work: Work = options.DEFAULT_WORK
) -> None:
    """Take a token out; it is refused from the next call on."""
    from oceanclean.serving.tokens import TokenStore

    gone = TokenStore.of(work).revoke(token_id)
    typer.echo(f"The token of {gone.owner} is no longer taken.")
