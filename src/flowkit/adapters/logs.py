"""Reports that go where a service's logs go."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from attrs import field, frozen

from flowkit.analytics.alarms import Alert
from flowkit.analytics.findings import Severity
from flowkit.ports import Fault

__all__ = ["LoggedAlerts", "LoggedFaults"]


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


def _alerts_logger() -> logging.Logger:
    return logging.getLogger("flowkit.alerts")


@frozen
class LoggedAlerts:
    """Logs each alert as one line; the alert itself stands in the record as ``alert``.

    Attributes:
        logger: Where to; the logger ``flowkit.alerts`` by default. What is critical is logged as an error, what is over
            as info, all else as a warning.
    """

    logger: logging.Logger = field(factory=_alerts_logger)

    def tell(self, alerts: Sequence[Alert]) -> None:
        """Log alerts."""
        for alert in alerts:
            if alert.is_over:
                level, word = logging.INFO, "over: "
            else:
                level = logging.ERROR if alert.finding.severity is Severity.CRITICAL else logging.WARNING
                word = ""
            self.logger.log(level, "%s%s", word, alert.finding.text, extra={"alert": alert})
