-- Reads the fields of subscribers who may be banned: of each fields and values; nothing where nobody here is banned.

local found = {}
if any_ban() then
  for place, subscriber in ipairs(ask.subscribers) do
    found[place] = call('HGETALL', base .. 's:' .. subscriber)
  end
end
return found
