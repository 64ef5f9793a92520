"""Run workers from the command line.

python -m flowkit.worker yourapp.journeys:worker --processes 4
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Final, cast

from flowkit.worker.pool import PATIENCE, MakesWorker, WorkerPool

__all__ = ["main"]

_WHAT: Final = "Do what is due, in processes of their own, until SIGTERM or Ctrl-C comes."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Its arguments; None for those of the process.

    Returns:
        The exit code: 0, or 1 where a process had to be killed.
    """
    parser = argparse.ArgumentParser(prog="python -m flowkit.worker", description=_WHAT)
    parser.add_argument("make", metavar="MODULE:FUNCTION", type=_importable, help="makes a flowkit.Worker")
    parser.add_argument("--processes", type=int, default=1, help="how many processes (default: %(default)s)")
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE.total_seconds(),
        metavar="SECONDS",
        help="after how long a process that does not come to its end is killed (default: %(default)s)",
    )
    given = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(processName)s %(name)s %(levelname)s: %(message)s")
    pool = WorkerPool(given.make, processes=given.processes, patience=timedelta(seconds=given.patience))
    return 1 if pool.run_until_signalled() else 0


def _importable(name: str) -> MakesWorker:
    module, _, function = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        message = f"{name!r} cannot be imported: {error}"
        raise argparse.ArgumentTypeError(message) from error
    if not callable(found):
        message = f"{name!r} is no function"
        raise argparse.ArgumentTypeError(message)
    return cast("MakesWorker", found)


if __name__ == "__main__":
    sys.exit(main())
