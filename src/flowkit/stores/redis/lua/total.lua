-- Takes places under the limit of all subscribers, each {place, how many}, in order, or gives some back.
-- Gives those that fit.

local before = answered()
if before then
  return before
end
local key, fitting = base .. 'entries', {}
if ask.back then
  call('DECRBY', key, ask.back)
  return answer(fitting)
end
for place, added in ipairs(ask.added) do
  if not ask.limit or tonumber(call('GET', key) or '0') + added <= ask.limit then
    call('INCRBY', key, added)
    fitting[#fitting + 1] = place - 1
  end
end
return answer(fitting)
