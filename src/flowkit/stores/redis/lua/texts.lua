-- Reads texts that rows share, by digest.

return many(base .. 'text', ask.digests)
