"""What may be changed in an experiment that runs: who takes part and how long, but not what is asked and how."""

from __future__ import annotations

from typing import Final

from flowkit.errors import DocumentError, Problem
from flowkit.experiments.documents import dump_experiment
from flowkit.experiments.model import Experiment

__all__ = ["revised"]

_FREE: Final = frozenset({"testName", "trafficSplit", "endDate", "status", "allocation", "exposurePercent"})


def revised(running: Experiment, edited: Experiment) -> Experiment:
    """Take the edited version of an experiment that runs, where it leaves the question and the rule as they are.

    Weights, the end, the name, the status and the number of the allocation may change, and the exposure may grow.

    Args:
        running: As it started.
        edited: As it is to go on.

    Returns:
        The edited version.

    Raises:
        DocumentError: Something else is different (``frozen``), each field with its path.
    """
    before, after = dump_experiment(running), dump_experiment(edited)
    problems = [
        Problem("frozen", f"/{name}", message="cannot change while the experiment runs: end it, and start another one")
        for name in sorted({*before, *after})
        if name not in _FREE and before.get(name) != after.get(name)
    ]
    if edited.exposure < running.exposure:
        message = f"may only grow while the experiment runs: from {running.exposure:g} on"
        problems.append(Problem("frozen", "/exposurePercent", message=message))
    if problems:
        raise DocumentError(problems)
    return edited
