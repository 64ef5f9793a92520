-- Reads a template source by its hash; false where there is none.

return call('HGET', base .. 'sources', ask.hash)
