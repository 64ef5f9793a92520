-- Reads the labels of subscribers at some splits; false for those that are missing.

local found = {}
for place, subscriber in ipairs(ask.subscribers) do
  found[place] = many(base .. 's:' .. subscriber, ask.fields)
end
return found
