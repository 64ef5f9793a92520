-- Writes a batch: each change whole or not at all, each run of a move by itself.
-- Gives {'phrases', ...} where phrases are not kept here yet, {'lost'}, {'stamp'}, or
-- {'done', places of refused changes, refused runs as "place of the move:place of the run", highest run, highest line}.

local before = answered()
if before then
  return before
end
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

-- What is written for many runs alike is gathered, and written with few commands.
local rows, borns, order, lives, dues = {}, {}, {}, {}, {}
local steps = { body = '', lines = {} }
local frozen = call('EXISTS', base .. 'frozen') == 1

local function add(list, first, second)
  list[#list + 1] = first
  list[#list + 1] = second
end

-- Writes the lines of one step: one entry of the journal, and a number in the list of each subscriber.
local function write_steps()
  local lines = steps.lines
  if #lines == 0 then
    return
  end
  local first = counted('line', #lines)
  local entry = { 'XADD', base .. 'journal', whole(first) .. '-0', 'a', whole(at), 'b', steps.body }
  if steps.about then
    add(entry, 'w', steps.about)
  else
    local names = {}
    for place, one in ipairs(lines) do
      names[place] = one.name
    end
    add(entry, 'r', table.concat(names, ' '))
  end
  call(unpack(entry))
  for place, one in ipairs(lines) do
    call('RPUSH', base .. 'j:' .. one.subscriber, whole(first + place - 1))
  end
  steps = { body = '', lines = {} }
end

local function written(body, line, about)
  if body == '' then
    return
  end
  if steps.body ~= body or about or steps.about or #steps.lines >= CHUNK then
    write_steps()
    steps.body, steps.about = body, about
  end
  steps.lines[#steps.lines + 1] = line
end

local function write_rows()
  spread('HSET', base .. 'run', rows)
  spread('HSET', base .. 'born', borns)
  spread('ZADD', base .. 'due', dues)
  for workflow, members in pairs(lives) do
    spread('ZADD', base .. 'live:' .. workflow, members)
  end
  for _, number in ipairs(order) do
    call('XADD', base .. 'order', number, '', '')
  end
  rows, borns, order, lives, dues = {}, {}, {}, {}, {}
end

-- The runs of the claim, in their order and by name.
local holding, held_here = {}, {}
if claim then
  for name in string.gmatch(call('HGET', claim, 'runs'), '%x+') do
    holding[#holding + 1] = name
    held_here[name] = true
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
  call('ZREM', base .. 'live:' .. run.workflow, name)
  call('HDEL', base .. 's:' .. run.subscriber, 'r:' .. name)
  call('ZADD', base .. 'r:' .. run.subscriber, whole(run.entered), name)
  if status == '4' then
    call('ZADD', base .. 'failed', 0, name)
  end
end

local function living(run, name)
  lives[run.workflow] = lives[run.workflow] or {}
  add(lives[run.workflow], 0, name)
  call('HSET', base .. 's:' .. run.subscriber, 'r:' .. name, '')
end

-- Puts a run into the queue at its instant, or takes it out; one that a worker holds waits beside the queue.
local function wants(name, due)
  if call('ZSCORE', base .. 'held', name) then
    call('ZADD', base .. 'held', due == '' and '+inf' or due, name)
  elseif due == '' then
    call('ZREM', base .. 'due', name)
  else
    call('ZADD', base .. 'due', due, name)
  end
end

-- A run comes as {name, sequence, subscriber, workflow, entered}.
local function stands(run)
  local row = parsed(call('HGET', base .. 'run', run[1]))
  return row and row.sequence == run[2]
end

local function labelled(run, assigned)
  local subscriber = run[3]
  local fits = takes(function(split)
    return call('HGET', base .. 's:' .. subscriber, 'a:' .. split)
  end, assigned)
  if fits then
    assign(subscriber, assigned)
  end
  return fits
end

-- Counts a run among the living or the ended, as it was moved from a row to another status.
local function counted_in(own, name, row, status)
  local lived, lives_on = alive(row.status), alive(status)
  if row.status == '4' and status ~= '4' then
    call('ZREM', base .. 'failed', name)
  end
  if lives_on and not lived then
    living(own, name)
    call('ZREM', base .. 'r:' .. own.subscriber, name)
  elseif lived and not lives_on then
    ended(own, name, status)
  end
end

-- Moves runs that nobody else moved. Those of a claim that ends with this script are put into the queue with its end.
local function move(one, claimed, unclaimed, refuse)
  local names, met = {}, {}
  for place, run in ipairs(one.runs) do
    names[place] = run[1]
  end
  local texts_of = many(base .. 'run', names)
  local thaws = frozen and (claimed or not alive(one.status)) and not one.keeps
  for place, run in ipairs(one.runs) do
    local name, row = run[1], parsed(texts_of[place])
    local free = row and row.sequence == run[2] and not met[name]
    free = free and not (unclaimed and call('ZSCORE', base .. 'held', name))
    if free and #one.assigned > 0 then
      free = labelled(run, one.assigned)
    end
    if not free then
      refuse(place)
    else
      met[name] = true
      local version = one.version or row.version
      local text = whole(run[2] + 1) .. '|' .. one.due .. '|' .. one.status .. '|' .. version .. '|' .. one.state
      add(rows, name, text)
      local own = { name = name, subscriber = run[3], workflow = run[4], entered = run[5] }
      counted_in(own, name, row, one.status)
      if one.due ~= row.due and not (ask.ends and held_here[name]) then
        wants(name, one.due)
      end
      if thaws then
        call('DEL', base .. 'f:' .. name)
        call('SREM', base .. 'frozen', name)
      end
      written(one.body, own)
    end
  end
  write_rows()
end

local highest_run = 0

local function begin(subscriber, started)
  local number = counted('run', 1)
  local name = name_of(number)
  highest_run = number
  add(rows, name, '1|' .. started.due .. '|' .. started.status .. '|' .. started.version .. '|' .. started.state)
  add(borns, name, started.born)
  order[#order + 1] = whole(number) .. '-0'
  local own = { name = name, subscriber = subscriber, workflow = started.workflow, entered = started.entered }
  if alive(started.status) then
    living(own, name)
  else
    ended(own, name, started.status)
  end
  if started.due ~= '' then
    add(dues, started.due, name)
  end
  written(started.body, own)
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
    written(line[2], { subscriber = subscriber }, cjson.encode({ subscriber, line[1] }))
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
write_rows()
for place, one in ipairs(ask.moves) do
  move(one, claim ~= nil, ask.unclaimed, function(run)
    stale[#stale + 1] = { place - 1, run - 1 }
  end)
end
write_steps()
if claim and ask.ends then
  -- A run that was moved may have another instant by now, whether the claim ends or not.
  local held = #stale > 0
  local scores = {}
  for place, text in ipairs(many(base .. 'run', holding)) do
    local due = text and string.match(text, '^%d+|(%-?%d*)|') or ''
    if held then
      add(scores, due == '' and '+inf' or due, holding[place])
    elseif due ~= '' then
      add(scores, due, holding[place])
    end
  end
  spread('ZADD', base .. (held and 'held' or 'due'), scores)
  if not held then
    spread('ZREM', base .. 'held', holding)
    call('DEL', claim, base .. 'notes:' .. ask.claim, base .. 'window:' .. ask.claim)
    call('ZREM', base .. 'claims', ask.claim)
  end
end
keep_counts()
return answer({ 'done', refused, stale, highest_run, counts.line or 0 })
