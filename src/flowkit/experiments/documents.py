"""Experiments as JSON documents: the seed's shape, read strictly and written in full.

The names are the seed's: ``testName``, ``workflowId``, ``testType``, ``startDate``, ``endDate``, ``targetAudience``,
``trafficSplit``, ``variants``, ``primaryMetric``, ``secondaryMetrics``, ``minimumSampleSize``, ``confidenceLevel``,
``minimumDetectableEffect``, ``status``. Besides there are ``testId``, ``control``, ``guardrails``, ``power``, ``rule``,
``attributionDays``, ``exposurePercent``, ``layer``, and what metrics and variants have more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Final, TypeVar

from flowkit import documents
from flowkit.documents import DEFAULT_LIMITS, Limits
from flowkit.errors import DocumentError
from flowkit.experiments.change_documents import dump_change, read_change
from flowkit.experiments.compiling import compile_variants
from flowkit.experiments.model import (
    AlwaysValid,
    Audience,
    DecisionRule,
    Direction,
    Experiment,
    ExperimentKind,
    ExperimentStatus,
    FixedSample,
    GroupSequential,
    Layer,
    Metric,
    MetricKind,
    Multiplicity,
    Variant,
    slug,
)
from flowkit.fields import Fields, instant_text
from flowkit.problems import Problems, short, suggestion
from flowkit.workflows.model import Workflow

__all__ = ["METRIC_EVENTS", "dump_experiment", "dumps_experiment", "load_experiment"]

METRIC_EVENTS: Final[Mapping[str, str]] = {
    "email_open_rate": "email_open",
    "open_rate": "email_open",
    "click_through_rate": "email_click",
    "click_rate": "email_click",
    "conversion_rate": "conversion",
    "unsubscribe_rate": "unsubscribe",
    "complaint_rate": "complaint",
    "bounce_rate": "bounce",
}
"""The events of the metrics that need not name theirs."""

_DAY: Final = timedelta(days=1)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_W = TypeVar("_W", bound=StrEnum)


class _RuleType(StrEnum):
    FIXED = "fixed"
    GROUP_SEQUENTIAL = "group_sequential"
    ALWAYS_VALID = "always_valid"


def load_experiment(
    document: str | bytes | Mapping[str, object], workflow: Workflow | None = None, *, limits: Limits = DEFAULT_LIMITS
) -> Experiment:
    """Read an experiment from its document, and hold it against its workflow.

    Args:
        document: JSON text in UTF-8, or the object that it would give.
        workflow: The workflow that it varies: every change is applied to it, and the result is linted. None looks at
            the document alone.
        limits: How much is read.

    Raises:
        DocumentError: All that is wrong, each with a stable code and a JSON Pointer: what `load_workflow` may refuse,
            and ``bad_weights``, ``unknown_variant``, ``control_changed``, ``missing_variant``, ``unknown_metric``,
            ``unknown_target``, ``wrong_target``, ``bad_order``, ``no_weight``, ``wrong_workflow``.
    """
    if isinstance(document, (str, bytes)):
        value = documents.read(document, limits=limits)
    else:
        value = documents.check(document, limits=limits)
    problems = Problems(limits.problems)
    experiment = _experiment(Fields.of(value, "", problems=problems, limits=limits))
    problems.done()
    assert experiment is not None  # noqa: S101 - it is only where a problem was noted
    if workflow is not None:
        compile_variants(experiment, workflow)
    return experiment


def _experiment(fields: Fields) -> Experiment | None:
    name = fields.text("testName")
    kind = _word(fields, "testType", ExperimentKind) or ExperimentKind.A_B
    variants = _variants(fields)
    make = partial(
        Experiment,
        experiment_id=fields.id("testId", slug(name) or "test"),
        name=name,
        workflow_id=fields.id("workflowId"),
        kind=kind,
        variants=variants,
        control=fields.id("control", _first_control(variants)),
        primary=_metric(fields.child("primaryMetric")),
        secondary=[_metric(fields.open(value, path)) for value, path in fields.items("secondaryMetrics")],
        guardrails=[_metric(fields.open(value, path), guards=True) for value, path in fields.items("guardrails")],
        audience=_audience(fields.child("targetAudience", {})),
        start=_date(fields, "startDate"),
        end=_date(fields, "endDate"),
        confidence=fields.number("confidenceLevel", 0.95),
        power=fields.number("power", 0.8),
        minimum_effect=fields.number("minimumDetectableEffect", 0.1),
        minimum_sample=fields.integer("minimumSampleSize", 1000),
        rule=_rule(fields, kind),
        window=_days(fields, "attributionDays", 14),
        exposure=fields.number("exposurePercent", 100.0),
        layer=_layer(fields),
        status=_word(fields, "status", ExperimentStatus) or ExperimentStatus.DRAFT,
        multiplicity=_word(fields, "multiplicity", Multiplicity) or Multiplicity.HOLM,
        allocation=fields.integer("allocation", 0, low=0),
    )
    fields.close()
    if fields.problems.found:
        return None
    try:
        return make()
    except DocumentError as error:
        fields.problems.extend(error)
        return None


def _first_control(variants: list[Variant]) -> str:
    ids = [one.variant_id for one in variants]
    return "control" if "control" in ids or not ids else ids[0]


def _word(fields: Fields, name: str, words: type[_W]) -> _W | None:
    return fields.word(name, words) if fields.has(name) else None


def _variants(fields: Fields) -> list[Variant]:
    split = fields.child("trafficSplit")
    inner = fields.child("variants")
    variants = [_variant(name, inner.child(name), split) for name in inner.names()]
    for name in split.rest():
        split.wrong(name, "unknown_variant", f"no variant has this name; {suggestion(name, inner.values)}")
    return variants


def _variant(variant_id: str, fields: Fields, split: Fields) -> Variant:
    if "changes" not in fields.values:
        fields.wrong("changes", "missing_field", "is required; [] for none")
    changes = [read_change(fields.open(value, path)) for value, path in fields.items("changes")]
    levels = fields.child("levels", {})
    variant = Variant(
        variant_id,
        fields.text("name"),
        weight=split.number(variant_id),
        changes=[one for one in changes if one is not None],
        levels={factor: levels.id(factor) for factor in levels.names()},
    )
    fields.close()
    return variant


def _metric(fields: Fields, *, guards: bool = False) -> Metric:
    name = fields.id("name")
    kind = _word(fields, "type", MetricKind) or MetricKind.RATE
    event = METRIC_EVENTS.get(name, "")
    if fields.has("event"):
        event = fields.id("event")
    elif name and not event:
        message = f"name the event that counts; the metrics that need none: {suggestion(name, METRIC_EVENTS)}"
        fields.wrong("event", "unknown_metric", message)
    direction = _word(fields, "direction", Direction)
    metric = Metric(
        name,
        event,
        kind=kind,
        direction=direction or Direction.INCREASE,
        baseline=fields.number("baselineValue") if fields.has("baselineValue") else None,
        deviation=fields.number("standardDeviation", low=0) if fields.has("standardDeviation") else None,
        denominator=fields.id("denominator") if fields.has("denominator") else None,
        margin=fields.number("margin", 0.0, low=0) if guards else 0.0,
    )
    fields.close()
    return metric


def _audience(fields: Fields) -> Audience:
    audience = Audience(segments=fields.ids("segments"), exclude_segments=fields.ids("excludeSegments"))
    fields.close()
    return audience


def _date(fields: Fields, name: str) -> datetime | None:
    """Read an instant, or a date, which is its midnight in UTC."""
    if fields.null(name):
        return None
    value = fields.values[name]
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        except ValueError:
            fields.wrong(name, "bad_date", f"{short(value)} is no day of the calendar")
            return None
    return fields.instant(name)


def _days(fields: Fields, name: str, default: int) -> timedelta:
    return fields.number(name, float(default), low=0, high=fields.limits.duration / _DAY) * _DAY


def _rule(fields: Fields, kind: ExperimentKind) -> DecisionRule:
    if not fields.has("rule"):
        return GroupSequential() if kind is ExperimentKind.SEQUENTIAL else FixedSample()
    inner = fields.child("rule")
    match inner.word("type", _RuleType):
        case _RuleType.GROUP_SEQUENTIAL:
            looks = inner.integer("looks", 5, low=1)
            rule: DecisionRule = GroupSequential(looks=looks, method=inner.text("method", "obrien_fleming_type"))
        case _RuleType.ALWAYS_VALID:
            rule = AlwaysValid()
        case _:
            rule = FixedSample()
    inner.close()
    return rule


def _layer(fields: Fields) -> Layer | None:
    if fields.null("layer"):
        return None
    inner = fields.child("layer")
    layer = Layer(
        inner.id("id"), start=inner.number("from", 0.0, low=0, high=100), end=inner.number("to", 100.0, low=0, high=100)
    )
    inner.close()
    return layer


# ------------------------------------------------------------------------------------------------------------
# Writing


def dump_experiment(experiment: Experiment) -> dict[str, object]:
    """Write an experiment as the object that `load_experiment` reads as an equal one.

    Raises:
        DocumentError: An instant has no offset or leaves the years 1 to 9999 in UTC.
    """
    one = experiment
    out: dict[str, object] = {
        "testId": one.experiment_id,
        "testName": one.name,
        "workflowId": one.workflow_id,
        "testType": str(one.kind),
        "targetAudience": {
            "segments": list(one.audience.segments),
            "excludeSegments": list(one.audience.exclude_segments),
        },
        "trafficSplit": {variant.variant_id: variant.weight for variant in one.variants},
        "variants": {variant.variant_id: _variant_document(variant) for variant in one.variants},
        "control": one.control,
        "primaryMetric": _metric_document(one.primary),
        "secondaryMetrics": [_metric_document(metric) for metric in one.secondary],
        "guardrails": [{**_metric_document(metric), "margin": metric.margin} for metric in one.guardrails],
        "minimumSampleSize": one.minimum_sample,
        "confidenceLevel": one.confidence,
        "power": one.power,
        "minimumDetectableEffect": one.minimum_effect,
        "rule": _rule_document(one.rule),
        "attributionDays": one.window / _DAY,
        "exposurePercent": one.exposure,
        "status": str(one.status),
        "multiplicity": str(one.multiplicity),
        "allocation": one.allocation,
    }
    for name, instant in (("startDate", one.start), ("endDate", one.end)):
        if instant is not None:
            out[name] = instant_text(instant, f"/{name}")
    if one.layer is not None:
        out["layer"] = {"id": one.layer.layer_id, "from": one.layer.start, "to": one.layer.end}
    return out


def dumps_experiment(experiment: Experiment) -> str:
    """Write an experiment as compact JSON text with sorted keys: equal experiments give the same text."""
    return json.dumps(documents.check(dump_experiment(experiment)), separators=(",", ":"), sort_keys=True)


def _variant_document(variant: Variant) -> dict[str, object]:
    levels: dict[str, object] = {"levels": dict(variant.levels)} if variant.levels else {}
    return {"name": variant.name, "changes": [dump_change(change) for change in variant.changes], **levels}


def _metric_document(metric: Metric) -> dict[str, object]:
    out: dict[str, object] = {
        "name": metric.name,
        "type": str(metric.kind),
        "event": metric.event,
        "direction": str(metric.direction),
    }
    more = {
        "baselineValue": metric.baseline,
        "standardDeviation": metric.deviation,
        "denominator": metric.denominator,
    }
    return {**out, **{name: value for name, value in more.items() if value is not None}}


def _rule_document(rule: DecisionRule) -> dict[str, object]:
    match rule:
        case FixedSample():
            return {"type": str(_RuleType.FIXED)}
        case GroupSequential(looks=looks, method=method):
            return {"type": str(_RuleType.GROUP_SEQUENTIAL), "looks": looks, "method": method}
        case AlwaysValid():
            return {"type": str(_RuleType.ALWAYS_VALID)}
