"""What is left of the data for an analysis: per arm and metric, how many units and a few sums."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

__all__ = ["NO_SUMS", "ArmTotals", "Sums", "Tally"]


@frozen
class Sums:
    """The values of a metric in one arm, summed up over units.

    Attributes:
        total: The sum of the units' values; for a rate, how many units converted.
        squares: The sum of their squares; for a rate the same as `total`.
        below: For a ratio, the sum of what stands below, and so on.
        below_squares: The sum of its squares.
        products: The sum of value times what stands below.
    """

    total: float = 0.0
    squares: float = 0.0
    below: float = field(default=0.0, kw_only=True)
    below_squares: float = field(default=0.0, kw_only=True)
    products: float = field(default=0.0, kw_only=True)

    def plus(self, value: float, below: float = 0.0) -> Sums:
        """Add one unit."""
        return Sums(
            self.total + value,
            self.squares + value * value,
            below=self.below + below,
            below_squares=self.below_squares + below * below,
            products=self.products + value * below,
        )


NO_SUMS = Sums()


@frozen(kw_only=True)
class ArmTotals:
    """One arm.

    Attributes:
        arm: Which.
        exposed: All units whose first exposure was to it.
        units: Those of them whose window is over, so that their outcome is known; what is analysed.
        sums: The sums over those, by metric.
    """

    arm: str
    exposed: int
    units: int
    sums: Mapping[str, Sums]

    def of(self, metric: str) -> Sums:
        """Give the sums of a metric; nothing where nobody had any of it."""
        return self.sums.get(metric, NO_SUMS)


@frozen(kw_only=True)
class Tally:
    """One consistent count of an experiment.

    Attributes:
        experiment_id: Of which experiment.
        at: As of when.
        arms: The arms, in the order of the experiment.
        first: When the first unit was exposed; None where none was.
        reassigned: Units that were seen in more than one arm; each counts for its first.
        unknown: Exposures to arms that the experiment has not; they count for none.
        reweighted: Whether units were assigned by different weights.
    """

    experiment_id: str
    at: datetime
    arms: tuple[ArmTotals, ...]
    first: datetime | None = None
    reassigned: int = 0
    unknown: int = 0
    reweighted: bool = False

    @property
    def exposed(self) -> int:
        """All units together."""
        return sum(one.exposed for one in self.arms)

    @property
    def units(self) -> int:
        """All units together whose outcome is known."""
        return sum(one.units for one in self.arms)

    def arm(self, name: str) -> ArmTotals:
        """Give an arm; an empty one where nobody is in it."""
        found = next((one for one in self.arms if one.arm == name), None)
        return ArmTotals(arm=name, exposed=0, units=0, sums={}) if found is None else found
