"""Frameworks and services that flowkit joins; each asks for an extra of its own."""
