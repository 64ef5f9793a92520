"""Which addresses are called: the public ones, and no others unless they are allowed."""

import pytest

from flowkit.adapters.networks import networks, refusal
from flowkit.errors import ConfigurationError


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808"]
)
def test_public_addresses_are_called(address):
    assert refusal(address) == ""


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.1.2", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "unspecified"),  # noqa: S104 - an address that reaches this machine
        ("::", "unspecified"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("fc00::1", "private"),
        ("fd12:3456::1", "private"),
        ("fec0::1", "private"),
        ("169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("ff02::1", "multicast"),
        ("100.64.0.1", "reserved"),
        ("240.0.0.1", "private"),
        ("255.255.255.255", "private"),
        ("192.0.2.1", "private"),
        ("::ffff:127.0.0.1", "IPv4-mapped"),
        ("::ffff:8.8.8.8", "IPv4-mapped"),
        ("64:ff9b::7f00:1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("2002:7f00:1::", "loopback"),
        ("2002:a00:1::1", "private"),
        ("2001::1", "private"),
        ("::7f00:1", "reserved"),
        ("localhost", "no address"),
        ("", "no address"),
        ("1.2.3", "no address"),
        ("0177.0.0.1", "no address"),
    ],
)
def test_no_others_are(address, kind):
    assert refusal(address) == kind


@pytest.mark.parametrize(
    ("allowed", "address", "is_called"),
    [
        (["10.0.0.0/8"], "10.1.2.3", True),
        (["10.0.0.0/8"], "11.1.2.3", True),
        (["10.0.0.0/8"], "192.168.0.1", False),
        (["127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.1"], "127.0.0.2", False),
        (["::1"], "::1", True),
        (["::1"], "127.0.0.1", False),
        (["fe80::/10"], "fe80::1%eth0", True),
        (["127.0.0.0/8"], "::ffff:127.0.0.1", False),
        (["::ffff:127.0.0.0/104"], "::ffff:127.0.0.1", True),
        (["10.0.0.0/8", "192.168.0.0/16"], "192.168.0.1", True),
        (["0.0.0.0/0"], "not one", False),
    ],
)
def test_what_is_allowed_is_called(allowed, address, is_called):
    assert (refusal(address, networks(allowed)) == "") is is_called


@pytest.mark.parametrize("given", ["10.0.0.1/8", "localhost", "", "10.0.0.0/33"])
def test_what_is_no_network_is_refused(given):
    with pytest.raises(ConfigurationError, match="is no network"):
        networks([given])
