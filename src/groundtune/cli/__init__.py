"""The command line: thin, it calls `Project` and holds no logic."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from groundtune.cli.commands import cli
from groundtune.errors import GroundtuneError

INTERRUPTED = 130

__all__ = ["cli", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 failed, 2 wrong use, 3 none qualifies or gate closed, 130 interrupted."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors that a user can fix are one message, never a traceback."""
    try:
        result = cli.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Interrupted. What was finished is kept; run the command again to go on.", err=True)
        return INTERRUPTED
    except KeyboardInterrupt:
        click.echo("Interrupted. What was finished is kept; run the command again to go on.", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except GroundtuneError as error:
        click.echo(f"groundtune: {error}", err=True)
        return error.exit_code
    except BrokenPipeError:
        return 0
    except OSError as error:
        click.echo(f"groundtune: {_disk_message(error)}", err=True)
        return 1
    return result if isinstance(result, int) else 0


def _disk_message(error: OSError) -> str:
    import errno

    if error.errno == errno.ENOSPC:
        return f"the disk is full ({error.filename or 'while writing'}). Free some space and run the command again."
    return f"the operating system refused: {error}."
