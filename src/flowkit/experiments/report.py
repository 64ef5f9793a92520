"""The report of an experiment: as data, as text, as Markdown, and as one file of HTML that needs no network."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import asdict, frozen

from flowkit.documents import is_list, is_object
from flowkit.experiments.documents import dump_experiment
from flowkit.experiments.findings import Findings
from flowkit.experiments.report_blocks import blocks_of, verdict_words
from flowkit.workflows.pictures.pages import html_body, html_page, markdown_page, text_page

__all__ = ["ExperimentReport"]


@frozen
class ExperimentReport:
    """What an analysis found, to be read.

    Attributes:
        findings: What was found.
    """

    findings: Findings

    @property
    def title(self) -> str:
        """The name of the experiment."""
        return self.findings.experiment.name

    @property
    def summary(self) -> str:
        """The verdict in a sentence or two."""
        return verdict_words(self.findings.experiment, self.findings.verdict)

    def data(self) -> dict[str, Any]:
        """Give all of it as what JSON can hold: the experiment as its document, instants as ISO 8601."""
        found = asdict(self.findings, recurse=True)
        found["experiment"] = dump_experiment(self.findings.experiment)
        found["summary"] = self.summary
        return {name: _jsonable(value) for name, value in found.items()}

    @property
    def text(self) -> str:
        """The report as plain text."""
        return text_page(self.title, self._about(), blocks_of(self.findings))

    @property
    def markdown(self) -> str:
        """The report as Markdown; names are escaped, so that they stay names."""
        return markdown_page(self.title, self._about(), blocks_of(self.findings))

    @property
    def html(self) -> str:
        """The report as one HTML file: styles and pictures are inside, nothing is loaded, no script runs."""
        return html_page(self.title, self._about(), blocks_of(self.findings))

    def _repr_html_(self) -> str:
        """Show the report in a notebook."""
        return f"<div>{html_body(self.title, self._about(), blocks_of(self.findings))}</div>"

    def _about(self) -> str:
        found = self.findings
        first = found.tally.first
        since = "" if first is None else f", first exposure {first:%Y-%m-%d}"
        return (
            f"Experiment {found.experiment.experiment_id} on workflow {found.experiment.workflow_id}; "
            f"as of {found.tally.at:%Y-%m-%d %H:%M} UTC{since}."
        )


def _jsonable(value: object) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if is_object(value):
        return {name: _jsonable(inner) for name, inner in value.items()}
    return [_jsonable(inner) for inner in value] if is_list(value) else value
