-- Names the keys of effects of some subscribers that are in an open window of a claim that somebody holds.

local asked, keys = {}, {}
for _, subscriber in ipairs(ask.subscribers) do
  asked[subscriber] = true
end
for _, token in ipairs(call('ZRANGEBYSCORE', base .. 'claims', '(' .. string.format('%.17g', clock()), '+inf')) do
  local window = call('HGETALL', base .. 'window:' .. token)
  for place = 1, #window, 2 do
    if asked[window[place + 1]] then
      keys[#keys + 1] = window[place]
    end
  end
end
return keys
