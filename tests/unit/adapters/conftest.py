"""For the tests of adapters: a mail server."""

from collections.abc import Iterator

import pytest

from tests.support.mail_server import MailServer


@pytest.fixture
def server() -> Iterator[MailServer]:
    """Give a mail server that accepts everything."""
    with MailServer() as server:
        yield server
