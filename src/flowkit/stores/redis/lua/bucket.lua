-- Writes the bucket of a rate limit as it was read; 0 where somebody else has written it since.

local sequence = tonumber(call('HGET', base .. 'bucket', 'sequence') or '0')
if sequence ~= ask.sequence then
  return 0
end
call('HSET', base .. 'bucket', 'sequence', whole(sequence + 1), 'turns', ask.turns)
return 1
