"""What every sender promises, as tests: subclass ``SenderConformance``, and pytest holds the sender against all of it.

A sender with a receiver that stands for the mail service::

    class TestMySender(SenderConformance):
        @pytest.fixture
        def receiver(self):
            with MyReceiver() as receiver:      # has `received()` and `refuse_next(permanently=...)`
                yield receiver

        @pytest.fixture
        def sender(self, receiver):
            return MySender(receiver.url)
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("flowkit.testing.suites")

from flowkit.testing.suites.senders import Delivered, Receiver, Senders  # noqa: E402 - after pytest knows of them

__all__ = ["Delivered", "Receiver", "SenderConformance"]


class SenderConformance(Senders):
    """The tests of a sender for e-mail.

    A subclass gives the fixtures ``receiver`` and ``sender``. A sender whose receiver honours keys, and so has a
    ``key_window``, is also held to deliver nothing twice; one that has ``lookup``, to tell the truth about keys.
    """
