-- Gives the places of messages back.

for _, key in ipairs(ask.keys) do
  local subscriber = call('HGET', base .. 'placed', key)
  if subscriber then
    for field in pairs(fields_of(base .. 'p:' .. subscriber)) do
      if string.match(field, '%z(.*)$') == key then
        call('HDEL', base .. 'p:' .. subscriber, field)
      end
    end
    call('HDEL', base .. 'placed', key)
  end
end
return 1
