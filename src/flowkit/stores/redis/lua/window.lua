-- Notes what is about to be handed over, and then looks whether it may be.
-- Gives {names of the runs that have moved, {{subscriber, fields and values}, ...} of those who may be banned}.

local window = base .. 'window:' .. ask.token
call('DEL', window)
if call('EXISTS', base .. 'claim:' .. ask.token) == 1 then
  for _, one in ipairs(ask.runs) do
    call('HSET', window, one[1], one[4])
  end
end
local moved, banned, look = {}, {}, any_ban()
for _, one in ipairs(ask.runs) do
  local row = row_of(one[2])
  if not row or tonumber(row.sequence) ~= one[3] then
    moved[#moved + 1] = one[2]
  end
  if look then
    banned[#banned + 1] = { one[4], call('HGETALL', base .. 's:' .. one[4]) }
  end
end
return { moved, banned }
