"""Personalization: templates in, messages out."""
