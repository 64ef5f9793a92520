"""What is different between two versions of a workflow: `compare` finds it, `changes` names it, `words` says it."""

from flowkit.workflows.diff.compare import Continuation, Diff, Fate, Place, diff

__all__ = ["Continuation", "Diff", "Fate", "Place", "diff"]
