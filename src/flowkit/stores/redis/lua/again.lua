-- Reads the rows of runs by name.

return rows_of(ask.names)
