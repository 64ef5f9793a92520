"""The report of a workflow's runs: as data, as text, as Markdown, and as one file of HTML that needs no network."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from flowkit.analytics.report_blocks import about_words, blocks_of, summary_words, title_of
from flowkit.analytics.report_data import data_of
from flowkit.analytics.report_journey import Journey
from flowkit.workflows.pictures.pages import html_body, html_page, markdown_page, text_page

__all__ = ["JourneyReport"]


@frozen
class JourneyReport:
    """What became of the runs of a workflow, to be read: `Engine.report` makes it.

    Whatever workflows, nodes, messages and reasons are called stays a name in every form.

    Attributes:
        journey: What it is made of.
    """

    journey: Journey

    @property
    def title(self) -> str:
        """The name of the workflow, on one line."""
        return title_of(self.journey)

    @property
    def summary(self) -> str:
        """What became of the runs, in two sentences."""
        return summary_words(self.journey.metrics)

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as what JSON can hold: instants as ISO 8601, shares from 0 to 1, times in seconds.

        Names and reasons are in it as they are: whoever shows them has to escape them.
        """
        return data_of(self.journey)

    @property
    def text(self) -> str:
        """The report as plain text."""
        return text_page(self.title, about_words(self.journey), blocks_of(self.journey))

    @property
    def markdown(self) -> str:
        """The report as Markdown, with the graph for Mermaid; names are escaped, so that they stay names."""
        return markdown_page(self.title, about_words(self.journey), blocks_of(self.journey))

    @property
    def html(self) -> str:
        """The report as one HTML file: styles and pictures are inside, nothing is loaded, no script runs."""
        return html_page(self.title, about_words(self.journey), blocks_of(self.journey))

    def _repr_html_(self) -> str:
        """Show the report in a notebook."""
        return f"<div>{html_body(self.title, about_words(self.journey), blocks_of(self.journey))}</div>"
