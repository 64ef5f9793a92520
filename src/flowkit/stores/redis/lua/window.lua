-- Notes what is about to be handed over, and then looks whether it may be.
-- Gives {names of the runs that have moved, {{subscriber, fields and values}, ...} of those who may be banned}.

local window, fields, names = base .. 'window:' .. ask.token, {}, {}
for place, one in ipairs(ask.runs) do
  fields[2 * place - 1], fields[2 * place], names[place] = one[1], one[4], one[2]
end
call('DEL', window)
if call('EXISTS', base .. 'claim:' .. ask.token) == 1 then
  spread('HSET', window, fields)
end
local moved, banned, look, rows = {}, {}, any_ban(), many(base .. 'run', names)
for place, one in ipairs(ask.runs) do
  if not rows[place] or tonumber(string.match(rows[place], '^%d+')) ~= one[3] then
    moved[#moved + 1] = one[2]
  end
  if look then
    banned[#banned + 1] = { one[4], call('HGETALL', base .. 's:' .. one[4]) }
  end
end
return { moved, banned }
