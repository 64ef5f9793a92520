"""Pictures of workflows: as text for Mermaid, and as SVG that needs nothing else."""

from __future__ import annotations

from flowkit.workflows.pictures.model import NodeCounts

__all__ = ["NodeCounts"]
