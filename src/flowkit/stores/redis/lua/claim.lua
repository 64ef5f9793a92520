-- Takes a lapsed claim as it stands, or else runs that are due.
-- Gives false, or {rows, notes as key and value, deaths, 1 where the runs come from the queue, stamp}.

local now = clock()
local until_ = now + ask.lease
local token = ask.token

local function hold(names, at, deaths)
  call('HSET', base .. 'claim:' .. token, 'runs', table.concat(names, ' '), 'at', at, 'deaths', deaths, 'released', '0')
  call('ZADD', base .. 'claims', string.format('%.17g', until_), token)
end

-- What the notes say once their worker is dead: a call that was begun and not ended is in doubt once more.
-- A note is "?deaths at" while its call is open, "#deaths at" when it is in doubt, "!at outcome" when it has ended.
local function inherited(old)
  local notes, open = fields_of(base .. 'notes:' .. old), false
  for key, note in pairs(notes) do
    local deaths, at = string.match(note, '^%?(%d+) (%-?%d+)$')
    if deaths then
      open = true
      notes[key] = '#' .. whole(tonumber(deaths) + 1) .. ' ' .. at
      call('HSET', base .. 'notes:' .. old, key, notes[key])
    end
  end
  return open
end

local function renamed(kind, old, new)
  if call('EXISTS', base .. kind .. old) == 1 then
    call('RENAME', base .. kind .. old, base .. kind .. new)
  end
end

local function take_lapsed()
  local old = call('ZRANGEBYSCORE', base .. 'claims', '-inf', string.format('%.17g', now), 'LIMIT', 0, 1)[1]
  if not old then
    return nil
  end
  local lapsed = base .. 'claim:' .. old
  local names, deaths = {}, tonumber(call('HGET', lapsed, 'deaths'))
  for name in string.gmatch(call('HGET', lapsed, 'runs'), '%x+') do
    names[#names + 1] = name
  end
  local released = call('HGET', lapsed, 'released') == '1'
  local open = inherited(old)
  call('DEL', base .. 'window:' .. old)
  if not open and not released then
    if #names > 1 and deaths > 0 then
      -- The rest gets a new token too: the worker that held all of it holds nothing any more.
      local first = table.remove(names, 1)
      local lease = call('ZSCORE', base .. 'claims', old)
      call('RENAME', lapsed, base .. 'claim:' .. ask.rest)
      call('HSET', base .. 'claim:' .. ask.rest, 'runs', table.concat(names, ' '))
      call('ZREM', base .. 'claims', old)
      call('ZADD', base .. 'claims', lease, ask.rest)
      renamed('notes:', old, ask.rest)
      if call('EXISTS', base .. 'notes:' .. ask.rest) == 1 then
        call('COPY', base .. 'notes:' .. ask.rest, base .. 'notes:' .. token)
      end
      hold({ first }, ask.now, 0)
      return { first }, 0
    end
    deaths = deaths + 1
  end
  call('DEL', lapsed)
  call('ZREM', base .. 'claims', old)
  renamed('notes:', old, token)
  hold(names, ask.now, deaths)
  return names, deaths
end

-- A client may send the same request again when its connection broke: it gets the claim that it has already.
local mine = call('HMGET', base .. 'claim:' .. token, 'runs', 'deaths')
local names, deaths, fresh = nil, nil, 0
if mine[1] then
  names, deaths = {}, tonumber(mine[2])
  for name in string.gmatch(mine[1], '%x+') do
    names[#names + 1] = name
  end
else
  names, deaths = take_lapsed()
end
if not names then
  local due = call('ZRANGEBYSCORE', base .. 'due', '-inf', ask.now, 'LIMIT', 0, ask.limit, 'WITHSCORES')
  if #due == 0 then
    return false
  end
  names, deaths, fresh = {}, 0, 1
  local scores = {}
  for place = 1, #due, 2 do
    names[#names + 1] = due[place]
    scores[place], scores[place + 1] = due[place + 1], due[place]
  end
  spread('ZADD', base .. 'held', scores)
  spread('ZREM', base .. 'due', names)
  hold(names, ask.now, 0)
end
return { rows_of(names), call('HGETALL', base .. 'notes:' .. token), deaths, fresh, stamp() }
