-- Reads all sweeps as name and row.

return call('HGETALL', base .. 'sweeps')
