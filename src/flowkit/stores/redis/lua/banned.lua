-- Reads the fields of subscribers who may be banned: of each fields and values, none where nobody here is.

local found = {}
for place, subscriber in ipairs(ask.subscribers) do
  found[place] = any_ban() and call('HGETALL', base .. 's:' .. subscriber) or {}
end
return found
