"""Reports that go where a service's logs go."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from attrs import field, frozen

from flowkit.ports import Fault

__all__ = ["LoggedFaults"]


def _own_logger() -> logging.Logger:
    return logging.getLogger("flowkit.faults")


@frozen
class LoggedFaults:
    """Logs each fault as one line; the fault itself stands in the record as ``fault``.

    Attributes:
        logger: Where to; the logger ``flowkit.faults`` by default.
        level: At which level.
    """

    logger: logging.Logger = field(factory=_own_logger)
    level: int = field(default=logging.WARNING, kw_only=True)

    def report(self, faults: Sequence[Fault]) -> None:
        """Log faults."""
        for fault in faults:
            self.logger.log(
                self.level,
                "workflow %s, version %d, %s: %s: %s%s",
                fault.workflow_id,
                fault.version,
                fault.where,
                fault.path,
                fault.error,
                f" (found: {fault.found})" if fault.found not in {"", "null"} else "",
                extra={"fault": fault},
            )
