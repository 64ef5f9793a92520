-- Stores a version of a workflow, live or as a draft, or orders something for a workflow, with the sweep that carries
-- it out. Gives the number of the version that is meant, and false where none is live.

local workflow = ask.workflow
local now = call('HINCRBY', base .. 'meta', 'stamp', 1)

local function changed(number)
  call('ZADD', base .. 'changed', now, number)
end

if ask.sweep then
  local live = call('HGET', base .. 'current', workflow)
  if not live then
    call('HINCRBY', base .. 'meta', 'stamp', -1)
    return false
  end
  if ask.hold then
    call('HSET', base .. 'holds', workflow, ask.hold)
  else
    call('HDEL', base .. 'holds', workflow)
  end
  changed(live)
  local stored = call('HGET', base .. 'sweeps', ask.sweep.name)
  local sequence = stored and tonumber(string.match(stored, '^%d+')) or 0
  call('HSET', base .. 'sweeps', ask.sweep.name, whole(sequence + 1) .. '|' .. ask.sweep.row)
  call('HDEL', base .. 'sweep-until', ask.sweep.name)
  if ask.sweep.due == '' then
    call('ZREM', base .. 'sweep-due', ask.sweep.name)
  else
    call('ZADD', base .. 'sweep-due', ask.sweep.due, ask.sweep.name)
  end
  return live
end

for digest, source in pairs(ask.sources) do
  call('HSETNX', base .. 'sources', digest, source)
end
local number = call('HGET', base .. 'versions', ask.hash .. ':' .. workflow)
if number and not ask.live then
  return number
end
if not number then
  number = whole(call('HINCRBY', base .. 'meta', 'editions', 1))
  call('HSET', base .. 'versions', ask.hash .. ':' .. workflow, number)
  call('HSET', base .. 'editions', number, ask.document)
end
if ask.live then
  local before = call('HGET', base .. 'current', workflow)
  if before and before ~= number then
    changed(before)
  end
  local hold = call('HGET', base .. 'holds', workflow)
  if hold and cjson.decode(hold).kind ~= 'pause' then
    call('HDEL', base .. 'holds', workflow)
  end
  call('HSET', base .. 'current', workflow, number)
end
call('HSET', base .. 'published', number, ask.published)
changed(number)
return number
