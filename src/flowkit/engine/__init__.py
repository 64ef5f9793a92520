"""The engines: what carries decisions out, once for both colours of Python."""
