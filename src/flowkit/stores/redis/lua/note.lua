-- Notes how the calls ended whose outcomes come along, and that another one begins; 0 where the claim is no longer held.

local claim, notes = base .. 'claim:' .. ask.token, base .. 'notes:' .. ask.token
local at = call('HGET', claim, 'at')
if not at then
  return 0
end

-- When it was made: each call by the worker that noted its begin.
for _, one in ipairs(ask.settled) do
  local begun = string.match(call('HGET', notes, one[1]) or '', '^[?#]%d+ (%-?%d+)$')
  call('HSET', notes, one[1], '!' .. (begun or at) .. ' ' .. one[2])
  call('HDEL', base .. 'window:' .. ask.token, one[1])
end
if ask.begins then
  local deaths = string.match(call('HGET', notes, ask.begins) or '', '^[?#](%d+) ') or '0'
  call('HSET', notes, ask.begins, '?' .. deaths .. ' ' .. at)
end
return 1
