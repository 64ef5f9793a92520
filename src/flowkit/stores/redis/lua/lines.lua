-- Reads a page of the journal: of all, or of one subscriber by the list of its lines.
-- Gives {number, place within the step or false for all of it, what the step wrote}, ...

local journal, found = base .. 'journal', {}

local function step_at(number)
  local entry = call('XREVRANGE', journal, whole(number), '-', 'COUNT', 1)[1]
  if not entry then
    return nil
  end
  return tonumber(string.match(entry[1], '^(%d+)')), entry[2]
end

if ask.subscriber then
  local key = base .. 'j:' .. ask.subscriber
  local low, high = 0, call('LLEN', key)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if tonumber(call('LINDEX', key, middle)) > ask.after then
      high = middle
    else
      low = middle + 1
    end
  end
  for place, text in ipairs(call('LRANGE', key, low, low + ask.limit - 1)) do
    local number = tonumber(text)
    local first, step = step_at(number)
    found[place] = { text, number - first, step }
  end
  return found
end
local first, step = step_at(ask.after)
if first then
  found[1] = { whole(first), false, step }
end
for _, entry in ipairs(call('XRANGE', journal, '(' .. whole(ask.after), '+', 'COUNT', ask.limit)) do
  found[#found + 1] = { string.match(entry[1], '^(%d+)'), false, entry[2] }
end
return found
