-- Reads past events, each {place of the subscriber, place of the type, members and instants}.

local found = {}
for index, subscriber in ipairs(ask.subscribers) do
  for place, kind in ipairs(ask.types) do
    local past = call('ZRANGE', base .. 'h:' .. #kind .. ':' .. kind .. ':' .. subscriber, 0, -1, 'WITHSCORES')
    if #past > 0 then
      found[#found + 1] = { index - 1, place - 1, past }
    end
  end
end
return found
