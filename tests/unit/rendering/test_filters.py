"""The filters: what each makes of what it is given, and what it refuses."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from flowkit.rendering.engine import compile_template
from flowkit.rendering.model import MessageAborted, Template, TemplateError

VALUES = {
    "name": "ann-marie o'neil",
    "price": Decimal("1299.5"),
    "n": 1234567.891,
    "one": 1,
    "day": date(2026, 3, 1),
    "at": datetime(2026, 3, 1, 23, 30, tzinfo=UTC),
    "iso": "2026-12-24",
    "iso_at": "2026-12-24T18:05:09+00:00",
    "items": ["a", None, "b"],
    "long": "The quick brown fox",
}


def render(source, **options):
    return compile_template(Template("t", text=source)).render(VALUES, **options).text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ name|title }}", "Ann-Marie O'neil"),
        ("{{ name|capitalize }}", "Ann-marie o'neil"),
        ("{{ price|money }} {{ price|money('eur') }} {{ price|money('CHF') }} {{ price|money('JPY') }}",
         "$1,299.50 €1,299.50 CHF 1,299.50 ¥1,300"),
        ("{{ -5|money }}", "-$5.00"),
        ("{{ n|number }} {{ n|number(2) }}", "1,234,568 1,234,567.89"),
        ("{{ n|round(1) }} {{ n|round(1, 'floor') }} {{ n|round(method='ceil') }}", "1234567.9 1234567.8 1234568"),
        ("{{ price|round(1) }} {{ 0.5|round }} {{ -0.5|round }}", "1299.5 1 -1"),
        ("{{ one|plural('item', 'items') }} {{ n|plural('item', 'items') }}", "item items"),
        ("{{ day|date }} {{ iso|date }} {{ iso_at|date('%H:%M:%S') }}", "1 March 2026 24 December 2026 18:05:09"),
        ("{{ day|date('%a %-d %b %y, day %j') }} {{ iso|date('%d/%m/%Y %%') }}", "Sun 1 Mar 26, day 060 24/12/2026 %"),
        ("{{ at|date('%-I:%M %p') }}", "11:30 PM"),
        ("{{ iso|plus_days(10)|date('%Y-%m-%d') }}", "2027-01-03"),
        ("{{ items|first }} {{ items|last }} {{ items|limit(1)|join }} {{ items|reverse|join('-') }}", "a b a b-a"),
        ("{{ long|truncate(12) }} {{ long|truncate(9, '') }} {{ long|truncate(99) }}",
         "The quick... The quick The quick brown fox"),
        ("{{ long|replace('quick', 'slow') }} {{ long|replace('', 'x') }}", "The slow brown fox The quick brown fox"),
        ("{{ nothing|money|default('ask us') }} {{ nothing|date|default('soon') }}", "ask us soon"),
        ("{{ items|length }} {{ nothing|count }} {{ name|e }}", "3 0 ann-marie o'neil"),
    ],
)  # fmt: skip
def test_what_filters_make(source, text):
    assert render(source) == text


def test_an_instant_is_printed_by_the_reader_s_clock():
    assert render("{{ at|date('%d %B, %H:%M') }}", zone=ZoneInfo("Asia/Tokyo")) == "02 March, 08:30"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ name|date }}", "not_a_date"),
        ("{{ n|date }}", "not_a_date"),
        ("{{ iso|plus_days(9999999) }}", "not_a_date"),
        ("{{ iso|date('%Q') }}", "bad_date_form"),
        ("{{ iso|date('100%') }}", "bad_date_form"),
        ("{{ name|money }}", "not_a_number"),
        ("{{ name|number }}", "not_a_number"),
        ("{{ name|plural('a', 'b') }}", "not_a_number"),
    ],
)
def test_what_filters_refuse_aborts_the_message(source, reason):
    with pytest.raises(MessageAborted) as caught:
        render(source)
    assert (caught.value.reason, caught.value.path) == (reason, "text")


@pytest.mark.parametrize("source", ["{{ name|upper(1) }}", "{{ name|replace('a', 'b', 'c') }}", "{{ n|round(way=1) }}"])
def test_what_a_filter_does_not_take_is_refused(source):
    with pytest.raises(TemplateError, match="bad_argument") as caught:
        compile_template(Template("t", text=source))
    assert caught.value.line == 1
