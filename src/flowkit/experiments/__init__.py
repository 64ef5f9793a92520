"""Experiments on workflows: what is varied, who is in which arm, what came of it, and what may be concluded.

Definitions, documents, assignment and weaving need the standard library and attrs alone; what compares numbers imports
`flowkit.stats`, and so numpy, and is loaded when it is first asked for.
"""
