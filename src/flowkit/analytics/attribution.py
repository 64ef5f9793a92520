"""Which messages a conversion is credited to: five models, whose parts always sum to the whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from attrs import field, frozen

__all__ = ["Attribution", "AttributionModel", "Conversion", "Credit", "Touch", "credited"]

_WEEK: Final = timedelta(days=7)
_CENT: Final = Decimal("0.01")
_ENDS: Final = Fraction(2, 5)
_STEPS: Final = 4096


class AttributionModel(StrEnum):
    """How a conversion is shared among the touches before it."""

    LAST_TOUCH = "last_touch"
    """All of it to the last one."""
    FIRST_TOUCH = "first_touch"
    """All of it to the first one."""
    LINEAR = "linear"
    """To each the same."""
    TIME_DECAY = "time_decay"
    """The nearer to the conversion the more: half as much for each half-life before it."""
    POSITION_BASED = "position_based"
    """Two fifths each to the first and the last, the rest to those in between; two share it by halves."""


@frozen
class Touch:
    """A message that reached somebody, or what they did with it.

    Attributes:
        at: When.
        workflow_id: Of which workflow.
        run_id: Of which run.
        key: The message's key.
        arm: The arm of an experiment in which the run is; empty where it is in none.
    """

    at: datetime
    workflow_id: str
    run_id: str
    key: str
    arm: str = ""


@frozen
class Conversion:
    """Something worth counting that a subscriber did.

    Attributes:
        at: When.
        value: What it is worth, such as revenue in one currency; it may be negative, as a refund is.
        id: Its id: that of the event.
    """

    at: datetime
    value: Decimal = Decimal(0)
    id: str = ""


@frozen
class Credit:
    """The part of a conversion that a touch is credited with.

    Attributes:
        touch: The touch.
        conversion: The conversion.
        share: Its share of the conversion; the shares of one conversion sum to 1.
        value: Its part of the value, a multiple of the quantum where the value is one; the parts sum to the value.
    """

    touch: Touch
    conversion: Conversion
    share: Fraction
    value: Decimal


@frozen
class Attribution:
    """How conversions are credited.

    Attributes:
        model: How one is shared.
        window: How long before a conversion a touch may lie; at the very end it counts, after the conversion never.
        half_life: For ``time_decay``: the time before the conversion over which a touch loses half of its weight.
        quantum: The smallest part of a value, such as a cent.

    Raises:
        ValueError: A time or the quantum is not positive.
    """

    model: AttributionModel = AttributionModel.LAST_TOUCH
    window: timedelta = field(default=_WEEK, kw_only=True)
    half_life: timedelta = field(default=_WEEK, kw_only=True)
    quantum: Decimal = field(default=_CENT, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.window <= timedelta() or self.half_life <= timedelta() or not self.quantum > 0:
            message = "window, half_life and quantum must be positive"
            raise ValueError(message)

    def credit(self, conversion: Conversion, touches: Iterable[Touch]) -> Sequence[Credit]:
        """Share a conversion among the touches before it.

        Args:
            conversion: The conversion.
            touches: The subscriber's touches of all workflows, in any order; so nothing is credited twice.

        Returns:
            The credits in the order of time; none where no touch lies within the window.
        """
        earliest = conversion.at - self.window
        counted = sorted(
            (touch for touch in touches if earliest <= touch.at <= conversion.at),
            key=lambda touch: (touch.at, touch.key),
        )
        if not counted:
            return ()
        weights = self._weights(conversion, counted)
        whole = sum(weights)
        shares = [weight / whole for weight in weights]
        values = _parts(conversion.value, shares, self.quantum)
        return [
            Credit(touch, conversion, share, value)
            for touch, share, value in zip(counted, shares, values, strict=True)
            if share
        ]

    def _weights(self, conversion: Conversion, touches: Sequence[Touch]) -> Sequence[Fraction]:
        number = len(touches)
        match self.model:
            case AttributionModel.LAST_TOUCH:
                return [Fraction(index == number - 1) for index in range(number)]
            case AttributionModel.FIRST_TOUCH:
                return [Fraction(index == 0) for index in range(number)]
            case AttributionModel.LINEAR:
                return [Fraction(1)] * number
            case AttributionModel.TIME_DECAY:
                return [self._decayed(conversion.at - touch.at) for touch in touches]
            case AttributionModel.POSITION_BASED:
                if number <= 2:  # noqa: PLR2004 - the first and the last
                    return [Fraction(1)] * number
                between = (1 - 2 * _ENDS) / (number - 2)
                return [_ENDS, *[between] * (number - 2), _ENDS]

    def _decayed(self, before: timedelta) -> Fraction:
        """Give the weight of a touch, from 1 at the conversion down; in steps that make the same sum everywhere."""
        halves = min(before / self.half_life, 1000.0)
        part: float = 2.0 ** -(halves % 1)
        return Fraction(part).limit_denominator(_STEPS) / Fraction(2 ** int(halves))


def credited(attribution: Attribution, conversions: Iterable[Conversion], touches: Sequence[Touch]) -> Sequence[Credit]:
    """Share all conversions of one subscriber; each is shared once, whatever workflows the touches are of."""
    return [credit for conversion in conversions for credit in attribution.credit(conversion, touches)]


def _parts(value: Decimal, shares: Sequence[Fraction], quantum: Decimal) -> Sequence[Decimal]:
    """Cut a value into parts that sum to it: by quanta, what is left over to the largest remainders, the earlier first.

    What is no whole number of quanta stays with the last part that has a share.
    """
    quanta = int((value / quantum).to_integral_value(rounding=ROUND_FLOOR))
    exact = [share * quanta for share in shares]
    whole = [part.numerator // part.denominator for part in exact]
    left = quanta - sum(whole)
    order = sorted(range(len(shares)), key=lambda index: (whole[index] - exact[index], index))
    for index in order[:left]:
        whole[index] += 1
    parts = [quantum * number for number in whole]
    last = max(index for index, share in enumerate(shares) if share)
    parts[last] += value - quantum * quanta
    return parts
