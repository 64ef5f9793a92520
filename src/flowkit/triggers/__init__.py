"""Who enters which workflow: triggers, matching, and the rules of entry."""
