"""What is written can be read back, and nothing that is written becomes something else."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowkit.adapters.addresses import Mailbox
from flowkit.adapters.mime import MimeError, address_header, header, message_id, to_mime
from flowkit.rendering.lines import one_line
from flowkit.rendering.model import OutgoingMessage

WRITTEN = ["Date", "From", "To", "Subject", "Message-ID", "MIME-Version"]
PLAIN = ["Content-Type", "Content-Transfer-Encoding"]
ENCODED_WORD = re.compile(r"=\?utf-8\?[qb]\?[!-~]*\?=")

# Any text at all, lone surrogates too, and texts made of what headers, encoded words and addresses are made of.
HOSTILE = st.text(st.characters(), max_size=200) | st.lists(
    st.sampled_from([
        "\r\n", "\n", "\r", "\0", "\x1c", "\x85", "\u2028", "\u202e", "\ud800", " ", "  ", "\t",
        "Bcc: eve@example.net", "=?utf-8?q?a=0D=0ABcc:_eve@example.net?=", "=?utf-8?b?DQpCY2M6IGU=?=",
        "=?", "?=", "=?x", '"', "\\", "<", ">", ",", "(", ")", ";", "@", "é", "日本", "🎉", "word", "x" * 90, "Grüße ",
    ]),
    max_size=20,
).map("".join)  # fmt: skip


def write(subject="Hello", *, name="Shop", headers=None, **parts):
    return to_mime(
        OutgoingMessage("k", "s", "t", subject=subject, headers=headers or {}, **(parts or {"text": "Hi"})),
        sender=Mailbox("news@example.com", name),
        to="ann@example.org",
        message_id="<1@example.com>",
        date=datetime(2026, 3, 1, tzinfo=UTC),
    )


def read(content):
    return message_from_bytes(content, policy=policy.default)


def head(content):
    return content.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")


@given(HOSTILE)
@example("a\r\nBcc: eve@example.net")
@example("=?utf-8?q?a=0D=0ABcc:_eve@example.net?=")
@example("  two  spaces  ")
@example("")
@example("\N{FAMILY}" * 300)
def test_a_subject_reads_back_and_adds_no_header(subject):
    content = write(subject)
    message = read(content)
    assert message["Subject"] == one_line(subject)
    assert message.keys() == WRITTEN + PLAIN
    assert message["To"] == "ann@example.org"
    assert message.get_content() == "Hi\r\n"


@given(HOSTILE)
@example("Shop, Inc.")
@example('a" <eve@example.net>, "b')
@example("Größe & Söhne")
def test_a_display_name_reads_back_and_adds_no_address(name):
    content = write(name=name)
    message = read(content)
    (mailbox,) = message["From"].addresses
    assert mailbox.addr_spec == "news@example.com"
    assert message.keys() == WRITTEN + PLAIN
    assert shown(content) == one_line(name).strip()


def shown(content):
    """The name beside the sender's address; the current parser of Python 3.11 leaves spaces between encoded words."""
    written = message_from_bytes(content)["From"].replace("\r\n", "").removesuffix("<news@example.com>").rstrip()
    if written == "news@example.com":
        return ""
    if written.startswith('"'):
        return re.sub(r"\\(.)", r"\1", written[1:-1])
    return str(make_header(decode_header(written)))


@given(st.text(st.characters(codec="ascii"), max_size=300) | HOSTILE)
def test_a_further_header_reads_back_and_adds_none(value):
    try:
        message = read(write(headers={"X-Note": value}))
    except MimeError:
        assert max(map(len, one_line(value).split(" "))) > 900
    else:
        assert message["X-Note"] == one_line(value)
        assert message.keys() == [*WRITTEN, "X-Note", *PLAIN]


@given(HOSTILE)
def test_header_lines_are_ascii_and_short(text):
    for line in head(write(text, name=text)):
        assert line.isprintable()
        words = line.split()
        assert len(line) <= 78 or len(words) <= 2
        encoded = [word for word in words if word.startswith("=?")]
        assert all(ENCODED_WORD.fullmatch(word) and len(word) <= 75 for word in encoded)
        assert len(line) <= 76 or not encoded


@given(st.text(max_size=500), st.text(max_size=500))
@example("a\r\nb\rc\nd", "x = y; \t\n \n")
@example(".", "..\n.")
@example("--=_", "\r\n--=_\r\n")
def test_parts_read_back(text, html):
    content = write(text=text, html=html)
    first, second = read(content).iter_parts()
    assert first.get_payload(decode=True).decode() == lines(text)
    assert second.get_payload(decode=True).decode() == lines(html)
    assert all(len(line) <= 78 for line in content.split(b"\r\n"))


@given(st.text(max_size=500))
def test_a_single_part_reads_back(text):
    payload = read(write(html=text)).get_payload(decode=True).decode()
    # The end of the message ends a line as well.
    assert payload in {lines(text), lines(text) + "\r\n"}


def lines(text):
    return re.sub("\r\n|\r|\n", "\r\n", text)


def test_the_shortest_encoding_is_taken():
    assert head(write("Café au lait"))[3] == "Subject: =?utf-8?q?Caf=C3=A9_au_lait?="
    assert head(write("日本"))[3] == "Subject: =?utf-8?b?5pel5pys?="
    assert b"quoted-printable" in write(text="Café au lait")
    assert b"base64" in write(text="日本語" * 10)


def test_long_subjects_fold_between_words():
    subject = " ".join(f"word{number}" for number in range(40))
    first, *more = header("Subject", subject).split("\r\n")
    assert first.startswith("Subject: word0 word1 ")
    assert more
    assert all(line.startswith(" word") for line in more)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("", "From: news@example.com"),
        ("My Shop", "From: My Shop <news@example.com>"),
        ("Shop, Inc.", 'From: "Shop, Inc." <news@example.com>'),
        ('the "shop" \\o/', r'From: "the \"shop\" \\o/" <news@example.com>'),
        ("Bürobedarf", "From: =?utf-8?q?B=C3=BCrobedarf?= <news@example.com>"),
        ("=?utf-8?q?x?=", "From: =?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <news@example.com>"),
    ],
)
def test_names_are_written_plainly_where_they_can_be(name, written):
    assert address_header("From", Mailbox("news@example.com", name)) == written


def test_the_message_id_is_frozen():
    # Retries of messages that were sent by an earlier release must bear the same one.
    assert message_id("0" * 32 + ":start:1:send", "example.com") == "<9963f25cf497a3b6383b547a0460a54e@example.com>"


def test_the_same_message_is_the_same_bytes():
    assert write("Grüße", text="a", html="b") == write("Grüße", text="a", html="b")


@given(st.lists(st.tuples(HOSTILE, st.sampled_from(["a@example.org", "b@example.net"])), min_size=1, max_size=5))
def test_a_list_of_addresses_reads_back_and_gains_none(several):
    mailboxes = [Mailbox(address, name) for name, address in several]
    written = address_header("Reply-To", *mailboxes)
    message = read(f"{written}\r\n\r\n".encode("ascii"))
    assert message.keys() == ["Reply-To"]
    assert [one.addr_spec for one in message["Reply-To"].addresses] == [address for _, address in several]


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_an_international_address_stands_alone_in_utf8(subject, name, text, html):
    content = to_mime(
        OutgoingMessage("k", "s", "t", subject=subject, text=text, html=html),
        sender=Mailbox("news@example.com", name),
        to="grüße@example.org",
        message_id="<1@example.com>",
        date=datetime(2026, 3, 1, tzinfo=UTC),
    )
    top = content.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert [line for line in top if not line.isascii()] == ["To: grüße@example.org".encode()]
    message = read(content)
    assert message.keys() == [*WRITTEN, "Content-Type"]
    assert message["Subject"] == one_line(subject)
    # Read from octets, the standard library keeps those of UTF-8 apart.
    assert message["To"].addresses[0].addr_spec.encode("utf-8", "surrogateescape") == "grüße@example.org".encode()
    assert max(map(len, content.split(b"\r\n"))) <= 998


def test_a_long_way_to_leave_is_neither_encoded_nor_cut():
    way = f"<https://shop.test/leave/{'aB0-_.' * 120}>, <mailto:leave@shop.test?subject={'aB0-_.' * 100}>"
    content = write(headers={"List-Unsubscribe": way, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"})
    assert read(content)["List-Unsubscribe"] == way
    assert b"=?" not in content


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_whatever_is_hostile_at_once_there_is_one_message_to_one_reader(subject, name, answers, note, text, html):
    """To readers of this day and to the old one, which sees headers where a line begins like one."""
    try:
        content = to_mime(
            OutgoingMessage("k", "s", "t", subject=subject, text=text, html=html, headers={"X-Note": note}),
            sender=Mailbox("news@example.com", name),
            to="ann@example.org",
            message_id="<1@example.com>",
            date=datetime(2026, 3, 1, tzinfo=UTC),
            reply_to=Mailbox("help@example.com", answers),
        )
    except MimeError:
        assert max(map(len, one_line(note).split(" "))) > 900
        return
    names = [*WRITTEN, "Reply-To", "X-Note", "Content-Type"]
    current, old = read(content), message_from_bytes(content)
    assert current.keys() == old.keys() == names
    assert [one.addr_spec for one in current["To"].addresses] == ["ann@example.org"]
    assert [one.addr_spec for one in current["From"].addresses] == ["news@example.com"]
    assert [one.addr_spec for one in current["Reply-To"].addresses] == ["help@example.com"]
    assert current["Subject"] == one_line(subject)
    bodies = [part.get_payload(decode=True).decode() for part in current.iter_parts()]
    assert bodies == [lines(one).encode(errors="replace").decode() for one in (text, html)]
    assert not [defect for part in current.walk() for defect in part.defects]
    assert all(len(line) <= 998 and line.isascii() for line in content.split(b"\r\n"))
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert b"\n" not in content.replace(b"\r\n", b"")
