"""What models are given of a subscriber: fifteen features of engagement, as far as the profile has them."""

from __future__ import annotations

from typing import Any, Final

from attrs import field, fields, frozen

from flowkit.events import Needs, Properties

__all__ = ["ENGAGEMENT_NEEDS", "EngagementFeatures"]


@frozen(kw_only=True)
class EngagementFeatures:
    """What is known of how a subscriber engages; None is not known, and 0 is a value.

    Attributes:
        days_since_signup: ``daysSinceSignup`` of the profile, in days.
        total_emails_sent: ``totalEmailsSent``.
        total_opens: ``totalOpens``.
        total_clicks: ``totalClicks``.
        open_rate: ``openRate``, in the profile's own unit.
        click_rate: ``clickRate``, likewise.
        days_since_last_open: ``daysSinceLastOpen``, in days.
        days_since_last_click: ``daysSinceLastClick``, in days.
        total_purchases: ``totalPurchases``.
        total_revenue: ``totalRevenue``, in the profile's own currency.
        avg_order_value: ``avgOrderValue``, likewise.
        days_since_last_purchase: ``daysSinceLastPurchase``, in days.
        favorite_category: ``favoriteCategory``.
        device_preference: ``devicePreference``.
        time_preference: ``preferredContactTime``.
    """

    days_since_signup: float | None = field(default=None, metadata={"of": "daysSinceSignup"})
    total_emails_sent: float | None = field(default=None, metadata={"of": "totalEmailsSent"})
    total_opens: float | None = field(default=None, metadata={"of": "totalOpens"})
    total_clicks: float | None = field(default=None, metadata={"of": "totalClicks"})
    open_rate: float | None = field(default=None, metadata={"of": "openRate"})
    click_rate: float | None = field(default=None, metadata={"of": "clickRate"})
    days_since_last_open: float | None = field(default=None, metadata={"of": "daysSinceLastOpen"})
    days_since_last_click: float | None = field(default=None, metadata={"of": "daysSinceLastClick"})
    total_purchases: float | None = field(default=None, metadata={"of": "totalPurchases"})
    total_revenue: float | None = field(default=None, metadata={"of": "totalRevenue"})
    avg_order_value: float | None = field(default=None, metadata={"of": "avgOrderValue"})
    days_since_last_purchase: float | None = field(default=None, metadata={"of": "daysSinceLastPurchase"})
    favorite_category: str | None = field(default=None, metadata={"of": "favoriteCategory"})
    device_preference: str | None = field(default=None, metadata={"of": "devicePreference"})
    time_preference: str | None = field(default=None, metadata={"of": "preferredContactTime"})

    @classmethod
    def of(cls, attributes: Properties) -> EngagementFeatures:
        """Read the features from a profile's attributes; a value of another kind counts as not known."""
        found: dict[str, Any] = {
            name: (_word if name in _WORDS else _number)(attributes.get(of)) for name, of in _SOURCES.items()
        }
        return cls(**found)


def _number(value: object) -> float | None:
    return None if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value else value  # noqa: PLR0124 - NaN


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


_WORDS: Final = ("favorite_category", "device_preference", "time_preference")
_SOURCES: Final = {one.name: str(one.metadata["of"]) for one in fields(EngagementFeatures)}
ENGAGEMENT_NEEDS: Final = Needs(attributes=frozenset(_SOURCES.values()))
"""What a port that makes predictions from these features says that it needs."""
