"""Where runs are kept: in memory, or durably in SQLite."""
