"""Faults as lines of a log."""

import logging
from datetime import UTC, datetime

import pytest
from attrs import evolve

from flowkit.adapters.logs import LoggedFaults
from flowkit.ports import Fault

FAULT = Fault(
    workflow_id="cart",
    version=3,
    where="/trigger/conditions",
    path="event.amount",
    error="wrong_kind",
    found="string",
    at=datetime(2026, 5, 4, tzinfo=UTC),
    subscriber_id="ada",
)


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (FAULT, "workflow cart, version 3, /trigger/conditions: event.amount: wrong_kind (found: string)"),
        (
            evolve(FAULT, error="missing", found="null"),
            "workflow cart, version 3, /trigger/conditions: event.amount: missing",
        ),
        (
            evolve(FAULT, path="custom.stock", error="LookupError", found=""),
            "workflow cart, version 3, /trigger/conditions: custom.stock: LookupError",
        ),
    ],
)
def test_a_fault_is_a_line(caplog, fault, line):
    with caplog.at_level(logging.DEBUG, logger="flowkit.faults"):
        LoggedFaults().report([fault])
    [record] = caplog.records
    assert (record.name, record.levelno, record.getMessage()) == ("flowkit.faults", logging.WARNING, line)
    assert record.fault is fault


def test_where_and_how_loud_is_the_hosts_choice(caplog):
    logger = logging.getLogger("shop.journeys")
    with caplog.at_level(logging.DEBUG, logger="shop.journeys"):
        LoggedFaults(logger, level=logging.INFO).report([FAULT, FAULT])
    assert [(record.name, record.levelno) for record in caplog.records] == [("shop.journeys", logging.INFO)] * 2
