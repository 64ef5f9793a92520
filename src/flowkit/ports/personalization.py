"""What a host's models say of subscribers: predictions, and what to recommend to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from flowkit.events import Facts, Needs
from flowkit.ports.host import Maybe
from flowkit.rendering.personal.model import Article, Prediction, Product, RecommendationRequest

__all__ = ["Predictions", "Recommendations"]


class Predictions(Protocol):
    """Predicts what subscribers will do.

    Attributes:
        needs: The facts that predictions are made from; ``ENGAGEMENT_NEEDS`` for the features of engagement.
    """

    @property
    def needs(self) -> Needs:
        """The facts that predictions are made from."""
        ...

    def predict(self, facts: Mapping[str, Facts]) -> Maybe[Mapping[str, Prediction]]:
        """Predict for many subscribers at once.

        It is asked when messages are made that a prediction makes a difference to. Where it raises, messages are made
        without predictions, and are told to be less sure.

        Args:
            facts: What is known of each, as ``needs`` say, by id; ``EngagementFeatures.of(facts.attributes)`` reads
                the features of engagement.

        Returns:
            Predictions by id; of an id that is left out nothing is predicted.
        """
        ...


class Recommendations(Protocol):
    """Recommends products and content to subscribers.

    Attributes:
        needs: The facts that recommendations are made from.
    """

    @property
    def needs(self) -> Needs:
        """The facts that recommendations are made from."""
        ...

    def products(self, requests: Sequence[RecommendationRequest]) -> Maybe[Mapping[str, Sequence[Product]]]:
        """Recommend products to many subscribers at once; where this raises, no message shows any.

        Returns:
            Products by subscriber id, the best first; who is left out sees none.
        """
        ...

    def content(self, requests: Sequence[RecommendationRequest]) -> Maybe[Mapping[str, Sequence[Article]]]:
        """Recommend content to many subscribers at once; where this raises, no message shows any.

        Returns:
            Articles by subscriber id, the best first; who is left out sees none.
        """
        ...
