"""The command line. Only Typer and Rich load here; each command imports its room when it runs."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Entry point of ``oceanclean``: runs a command; a known error becomes one line and an exit status.

    Exit status: 0 done, 1 unexpected failure, 2 input or settings at fault, 3 data missing, 4 another run holds the
    day, 5 a stored product is damaged, 6 a gate, a threshold or a check was not passed, 7 the disk
    is full or read-only.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # its notes on CPU features are not for planners

    from oceanclean.cli.app import app
    from oceanclean.errors import OceancleanError

    try:
        app()
    except OceancleanError as error:
        import typer

        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except PermissionError as error:
        import typer

        typer.echo(f"error: {error.filename}: may not be written or read. Choose another folder with --work.", err=True)
        sys.exit(2)
    except MemoryError as error:
        said = f"error: not enough memory ({error or 'none is left'}). Give the process more, or plan a smaller region "
        sys.stderr.write(said + "or a coarser grid, and start again: what is finished stays.\n")
        sys.exit(1)
    except OSError as error:
        from pathlib import Path

        from oceanclean.store import as_storage_error

        told = as_storage_error(error, Path(error.filename or "."))
        if told is None:
            raise
        sys.stderr.write(f"error: {told}\n")
        sys.exit(told.exit_code)
