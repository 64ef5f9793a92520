"""The interpreter: runs as values, and the one state machine that moves them."""
