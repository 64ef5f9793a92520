"""Workflows as data: the model, its check, and its JSON."""
