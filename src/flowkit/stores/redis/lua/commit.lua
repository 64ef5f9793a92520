-- Writes a batch: each change whole or not at all, each run of a move by itself.
-- Gives {'phrases', ...} where phrases are not kept here yet, {'lost'}, {'stamp'}, or
-- {'done', places of refused changes, refused runs as "place of the move:place of the run", highest run, highest line}.

local at = ask.at
local texts = base .. 'text'

-- A text that is named by its digest has to be kept, before a row names it.
local missing = {}
for _, digest in ipairs(ask.named) do
  if call('HEXISTS', texts, digest) == 0 then
    local text = ask.phrases[digest]
    if text then
      call('HSET', texts, digest, text)
    else
      missing[#missing + 1] = digest
    end
  end
end
if #missing > 0 then
  return { 'phrases', missing }
end

local claim = ask.claim ~= '' and base .. 'claim:' .. ask.claim or nil
if claim and call('EXISTS', claim) == 0 then
  return { 'lost' }
end
if ask.stamp then
  local current = stamp()
  if current > ask.stamp or (ask.parts == 1 and current ~= ask.stamp) then
    return { 'stamp' }
  end
  if current < ask.stamp then
    call('HSET', base .. 'meta', 'stamp', ask.stamp) -- The news of it is still on its way to this partition.
  end
end

local function written(body, names, extra)
  if body == '' or #names == 0 then
    return
  end
  local first = counted('line', #names)
  local entry = { 'XADD', base .. 'journal', whole(first) .. '-0', 'a', whole(at), 'b', body }
  if extra then
    entry[#entry + 1] = 'w'
    entry[#entry + 1] = extra
  else
    entry[#entry + 1] = 'r'
    local handles = {}
    for place, one in ipairs(names) do
      handles[place] = one.name
    end
    entry[#entry + 1] = table.concat(handles, ' ')
  end
  call(unpack(entry))
  for place, one in ipairs(names) do
    call('RPUSH', base .. 'j:' .. one.subscriber, whole(first + place - 1))
  end
end

local function takes(known_labels, assigned)
  local now = {}
  for _, one in ipairs(assigned) do
    local split, label, before = one[1], one[2], one[3]
    local standing = now[split] or known_labels(split)
    if standing and standing ~= label and standing ~= before then
      return false
    end
    now[split] = label
  end
  return true
end

local function assign(subscriber, assigned)
  for _, one in ipairs(assigned) do
    call('HSET', base .. 's:' .. subscriber, 'a:' .. one[1], one[2])
  end
end

local function ended(run, name, status)
  local own = base .. 's:' .. run.subscriber
  call('ZREM', base .. 'live:' .. run.workflow, name)
  call('HDEL', own, 'r:' .. name)
  call('ZADD', base .. 'r:' .. run.subscriber, whole(run.entered), name)
  if status == '4' then
    call('ZADD', base .. 'failed', 0, name)
  end
end

local function living(run, name)
  call('ZADD', base .. 'live:' .. run.workflow, 0, name)
  call('HSET', base .. 's:' .. run.subscriber, 'r:' .. name, '')
end

-- A run comes as {name, sequence, subscriber, workflow, entered}.
local function stands(run)
  local row = row_of(run[1])
  return row and tonumber(row.sequence) == run[2] and row or nil
end

local function move(one, claimed, unclaimed, refuse)
  local moved, lives = {}, alive(one.status)
  for place, run in ipairs(one.runs) do
    local row = stands(run)
    local name, subscriber = run[1], run[3]
    local free = row and not (unclaimed and call('ZSCORE', base .. 'held', name))
    if free and #one.assigned > 0 then
      free = takes(function(split)
        return call('HGET', base .. 's:' .. subscriber, 'a:' .. split)
      end, one.assigned)
      if free then
        assign(subscriber, one.assigned)
      end
    end
    if not free then
      refuse(place)
    else
      local version = one.version or row.version
      local text = whole(run[2] + 1) .. '|' .. one.due .. '|' .. one.status .. '|' .. version .. '|' .. one.state
      call('HSET', base .. 'run', name, text)
      local own = { name = name, subscriber = subscriber, workflow = run[4], entered = run[5] }
      moved[#moved + 1] = own
      local lived = alive(row.status)
      if lives then
        if not lived then
          living(own, name)
          call('ZREM', base .. 'r:' .. subscriber, name)
          call('ZREM', base .. 'failed', name)
        end
        if one.due ~= row.due then
          wants(name, one.due)
        end
      else
        if row.status == '4' and one.status ~= '4' then
          call('ZREM', base .. 'failed', name)
        end
        if lived then
          ended(own, name, one.status)
        end
        wants(name, '')
      end
      if (claimed or not lives) and not one.keeps then
        call('DEL', base .. 'f:' .. name)
      end
    end
  end
  written(one.body, moved)
end

local highest_run = 0

local function begin(subscriber, started)
  local number = counted('run', 1)
  local name = name_of(number)
  highest_run = number
  local row = '1|' .. started.due .. '|' .. started.status .. '|' .. started.version .. '|' .. started.state
  call('HSET', base .. 'run', name, row)
  call('HSET', base .. 'born', name, started.born)
  call('XADD', base .. 'order', whole(number) .. '-0', '', '')
  local own = { name = name, subscriber = subscriber, workflow = started.workflow, entered = started.entered }
  if alive(started.status) then
    living(own, name)
  else
    ended(own, name, started.status)
  end
  if started.due ~= '' then
    call('ZADD', base .. 'due', started.due, name)
  end
  written(started.body, { own })
end

local function has_room(change)
  for _, one in ipairs(change.totals) do
    local limit = ask.limits[one[1]]
    if limit and tonumber(call('HGET', base .. 'totals', one[1]) or '0') + one[2] > limit then
      return false
    end
  end
  return true
end

local function fits(change, own)
  local subscriber = change.subscriber
  if (own.h or '') ~= change.handle then
    return false
  end
  if not takes(function(split) return own['a:' .. split] end, change.assigned) then
    return false
  end
  if change.handle ~= '' then
    if change.newest then
      for field in pairs(own) do
        if string.sub(field, 1, 2) == 'r:' and string.sub(field, 3) > change.newest then
          return false
        end
      end
    end
    if change.latest and tonumber(own.n or '0') > change.latest then
      return false
    end
    for _, event in ipairs(change.seen) do
      if call('SISMEMBER', base .. 'e:' .. subscriber, event) == 1 then
        return false
      end
    end
    for _, ledger in ipairs(change.ledgers) do
      local row = own['l:' .. ledger.workflow]
      if (row and tonumber(string.match(row, '^%d+')) or 0) ~= ledger.sequence then
        return false
      end
    end
    for _, one in ipairs(change.moves) do
      for _, run in ipairs(one.runs) do
        if not stands(run) then
          return false
        end
      end
    end
  end
  return ask.parts > 1 or has_room(change)
end

local function happened(subscriber, occurred)
  local types = {}
  for _, one in ipairs(occurred) do
    local number = counted('past', 1)
    local key = base .. 'h:' .. #one[1] .. ':' .. one[1] .. ':' .. subscriber
    call('ZADD', key, whole(one[2]), name_of(number) .. one[3])
    call('HSET', base .. 's:' .. subscriber, 'n', whole(number))
    types[one[1]] = key
  end
  for kind, key in pairs(types) do
    local need = ask.needs[kind]
    if need then
      if need[1] then
        call('ZREMRANGEBYSCORE', key, '-inf', whole(need[1]))
      end
      if need[2] and need[2] < call('ZCARD', key) then
        call('ZREMRANGEBYRANK', key, 0, -(need[2] + 1))
      end
    end
  end
end

local function write(change)
  local subscriber = change.subscriber
  local own = base .. 's:' .. subscriber
  known(subscriber)
  for _, event in ipairs(change.seen) do
    call('SADD', base .. 'e:' .. subscriber, event)
  end
  for _, ledger in ipairs(change.ledgers) do
    call('HSET', own, 'l:' .. ledger.workflow, whole(ledger.sequence + 1) .. '|' .. ledger.row)
    local watch = subscriber .. '\0' .. ledger.workflow
    if ledger.watch == '' then
      call('ZREM', base .. 'watch', watch)
    else
      call('ZADD', base .. 'watch', ledger.watch, watch)
    end
  end
  happened(subscriber, change.occurred)
  assign(subscriber, change.assigned)
  if ask.parts == 1 then
    for _, one in ipairs(change.totals) do
      call('HINCRBY', base .. 'totals', one[1], one[2])
    end
  end
  for _, ban in ipairs(change.bans) do
    add_ban(subscriber, ban[1], ban[2], ban[3])
  end
  for _, started in ipairs(change.started) do
    begin(subscriber, started)
  end
  for _, one in ipairs(change.moves) do
    move(one, false, false, function() end)
  end
  for _, line in ipairs(change.lines) do
    written(line[2], { { subscriber = subscriber } }, cjson.encode({ subscriber, line[1] }))
  end
end

local refused, stale = {}, {}
for place, change in ipairs(ask.changes) do
  if fits(change, fields_of(base .. 's:' .. change.subscriber)) then
    write(change)
  else
    refused[#refused + 1] = place - 1
  end
end
for place, one in ipairs(ask.moves) do
  move(one, claim ~= nil, ask.unclaimed, function(run)
    stale[#stale + 1] = { place - 1, run - 1 }
  end)
end
if claim and ask.ends and #stale == 0 then
  local runs = call('HGET', claim, 'runs')
  for name in string.gmatch(runs, '%x+') do
    call('ZREM', base .. 'held', name)
    local row = row_of(name)
    if row and row.due ~= '' then
      call('ZADD', base .. 'due', row.due, name)
    end
  end
  call('DEL', claim, base .. 'notes:' .. ask.claim, base .. 'window:' .. ask.claim)
  call('ZREM', base .. 'claims', ask.claim)
end
local lines = tonumber(call('HGET', base .. 'counts', 'line') or '0')
return { 'done', refused, stale, highest_run, lines }
