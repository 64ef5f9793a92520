-- Writes a sweep as it was read, and lets go of it, 0 where somebody else has written it since; or takes the one that
-- is due for the longest and that nobody holds: {name, row}, or false.

if ask.put then
  local name = ask.put.name
  local stored = call('HGET', base .. 'sweeps', name)
  if (stored and tonumber(string.match(stored, '^%d+')) or 0) ~= ask.put.sequence then
    return 0
  end
  call('HSET', base .. 'sweeps', name, whole(ask.put.sequence + 1) .. '|' .. ask.put.row)
  call('HDEL', base .. 'sweep-until', name)
  if ask.put.due == '' then
    call('ZREM', base .. 'sweep-due', name)
  else
    call('ZADD', base .. 'sweep-due', ask.put.due, name)
  end
  return 1
end

local now, first = clock(), 0
while true do
  local due = call('ZRANGEBYSCORE', base .. 'sweep-due', '-inf', ask.now, 'LIMIT', first, 100)
  for _, name in ipairs(due) do
    local held = call('HGET', base .. 'sweep-until', name)
    if not held or tonumber(held) <= now then
      call('HSET', base .. 'sweep-until', name, string.format('%.17g', now + ask.lease))
      return { name, call('HGET', base .. 'sweeps', name) }
    end
  end
  if #due < 100 then
    return false
  end
  first = first + 100
end
