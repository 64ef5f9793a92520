-- Tells a partition of a newer stamp, or reads the stamp; with `done`, notes that all partitions know of one.
-- Gives {stamp, the stamp that all partitions know of}.

local meta = base .. 'meta'
if ask.stamp and stamp() < ask.stamp then
  call('HSET', meta, 'stamp', ask.stamp)
end
if ask.done then
  call('HSET', meta, 'told', ask.done)
end
return { stamp(), tonumber(call('HGET', meta, 'told') or '0') }
