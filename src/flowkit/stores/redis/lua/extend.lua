-- Holds a claim for a full lease from now, or gives it back; gives 1, or 0 where it is no longer held.

if call('EXISTS', base .. 'claim:' .. ask.token) == 0 then
  return 0
end
if ask.released then
  call('HSET', base .. 'claim:' .. ask.token, 'released', '1')
  call('DEL', base .. 'window:' .. ask.token)
end
call('ZADD', base .. 'claims', ask.released and '-inf' or string.format('%.17g', clock() + ask.lease), ask.token)
return 1
