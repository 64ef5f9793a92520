"""Before it is published: what a template says to whom, in which locale, and what is missing."""

from attrs import evolve

from flowkit.rendering.model import Missing, Template
from flowkit.rendering.personal.preview import Cell, preview, samples_of, template_matrix
from tests.support.personal import ADA, HOW, inputs, personalized, seed_template

HELLO = Template(
    "hello",
    subject="Hi {{ firstName | default('there') }}",
    html="<p>{{ company }}</p>",
    locales={"de": Template("hello", subject="Hallo", html="<p>{{ firstName }}</p>", missing=Missing.BLANK)},
)
FULL = {"firstName": "Ann", "company": "Smith & Sons", "age": 7}


def test_a_preview_is_what_would_be_sent():
    seen = preview(seed_template(), ADA, personalization=HOW, inputs=inputs())
    rendered, told = personalized(seed_template(), ADA, inputs())
    assert (seen.rendered, seen.aborted, seen.told) == (rendered, None, told)
    assert "Ada" not in repr(seen)


def test_a_preview_says_why_there_is_no_message():
    seen = preview(HELLO, {})
    assert (seen.rendered, seen.aborted) == (None, "missing_value: company")


def test_samples_vary_what_the_template_reads():
    samples = samples_of(HELLO, FULL)
    assert list(samples) == [
        "complete", "empty", "without company", "without firstName", "long", "right to left", "hostile"
    ]  # fmt: skip
    assert samples["without company"] == {"firstName": "Ann", "age": 7}
    assert samples["long"]["age"] == 7
    assert "<script>" in samples["hostile"]["company"]


def test_the_texts_of_a_sample_are_changed_however_deep_and_the_profile_is_not():
    samples = samples_of(seed_template(), ADA)
    assert "<script>" in samples["hostile"]["recentActivity"][0]["text"]
    assert ADA["recentActivity"][0]["text"].startswith("You looked")


def test_the_matrix_tells_of_each_locale_and_sample():
    samples = {name: samples_of(HELLO, FULL)[name] for name in ("complete", "without firstName", "empty")}
    assert template_matrix(HELLO, samples) == (
        Cell(locale=None, sample="complete"),
        Cell(locale=None, sample="without firstName", defaulted=("firstName",)),
        Cell(locale=None, sample="empty", aborted="missing_value: company"),
        Cell(locale="de", sample="complete"),
        Cell(locale="de", sample="without firstName", blanked=("firstName",)),
        Cell(locale="de", sample="empty", blanked=("firstName",)),
    )


def test_the_usual_template_stands_all_samples_of_a_profile():
    cells = template_matrix(
        evolve(seed_template(), missing=Missing.BLANK), samples_of(seed_template(), ADA), personalization=HOW,
        inputs=inputs(),
    )  # fmt: skip
    assert [(cell.sample, cell.aborted) for cell in cells if not cell.renders] == [("long", "too_long: subject")]


def test_a_date_of_the_profile_prints_as_a_day_and_stays_a_date():
    template = Template("t", text="{{ signupDate }} {{ signupDate | date('%Y') }} {{ lastPurchaseDate }}")
    profile = {"signupDate": "2025-03-01T23:30:00+00:00", "lastPurchaseDate": "never"}
    seen = preview(template, profile, personalization=HOW, inputs=inputs(zone="Europe/Berlin"))
    assert seen.rendered is not None, seen.aborted
    assert seen.rendered.text == "2 March 2025 2025 never"
