-- What every script begins with. KEYS[1] routes the script and begins the name of every key that it touches, so all of
-- them lie in one slot. ARGV[1] is what is asked, as JSON. Numbers that may be instants are passed on as text, or
-- written by `whole`: Lua would print them with 14 digits.

local base = KEYS[1]
local ask = cjson.decode(ARGV[1])
local call = redis.call
local CHUNK = 1000 -- Lua's stack takes some thousand arguments at a time.

local function whole(number)
  return string.format('%.0f', number)
end

local function name_of(number)
  return string.format('%010x', number)
end

-- The lease clock in seconds: the host's own where it gave one, else the server's.
local function clock()
  if ask.clock then
    return ask.clock
  end
  local time = call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

-- The next number of a kind in this partition, and not below what the caller has seen of other partitions. Numbers are
-- kept here until the script writes them with `keep_counts`, once.
local counts = {}

local function counted(kind, by)
  local last = counts[kind] or tonumber(call('HGET', base .. 'counts', kind) or '0')
  local floor = ask.floor and ask.floor[kind] or 0
  if last < floor then
    last = floor
  end
  counts[kind] = last + by
  return last + 1
end

local function keep_counts()
  for kind, last in pairs(counts) do
    call('HSET', base .. 'counts', kind, whole(last))
  end
end

-- Calls a command with any number of arguments behind its key, as many at a time as Lua takes.
local function spread(command, key, arguments, before)
  for first = 1, #arguments, CHUNK do
    local last = math.min(first + CHUNK - 1, #arguments)
    if before then
      call(command, key, before, unpack(arguments, first, last))
    else
      call(command, key, unpack(arguments, first, last))
    end
  end
end

local function pairs_of(flat)
  local found = {}
  for place = 1, #flat, 2 do
    found[flat[place]] = flat[place + 1]
  end
  return found
end

local function fields_of(key)
  return pairs_of(call('HGETALL', key))
end

-- HMGET of any number of fields; `false` for those that are missing.
local function many(key, fields)
  local found = {}
  for first = 1, #fields, CHUNK do
    local last = math.min(first + CHUNK - 1, #fields)
    local part = call('HMGET', key, unpack(fields, first, last))
    for place = 1, #part do
      found[first + place - 1] = part[place]
    end
  end
  return found
end

-- A run's row: sequence|due|status|version|state, with no due instant where it does not want to go on.
local function parsed(row)
  if not row then
    return nil
  end
  local sequence, due, status, version, state = string.match(row, '^(%d+)|(%-?%d*)|(%d)|(%d+)|(.*)$')
  return { sequence = tonumber(sequence), due = due, status = status, version = version, state = state }
end

local function alive(status)
  return status == '0' or status == '1'
end

-- Rows of runs by name: name, row, what never changes.
local function rows_of(names)
  local rows, born, found = many(base .. 'run', names), many(base .. 'born', names), {}
  for place = 1, #names do
    found[place] = { names[place], rows[place], born[place] }
  end
  return found
end

-- Whether the bans of anybody in this partition stand.
local function any_ban()
  return tonumber(call('HGET', base .. 'counts', 'standing') or '0') > 0
end

local function add_ban(subscriber, reason, scope, row)
  local own, field = base .. 's:' .. subscriber, 'b:' .. reason .. ':' .. scope
  if call('HEXISTS', own, field) == 1 then
    return false
  end
  local number = whole(counted('ban', 1))
  call('HSET', own, field, number)
  call('HSET', base .. 'bans', number, row)
  call('ZADD', base .. 'ban-order', number, number)
  call('HINCRBY', base .. 'counts', 'standing', 1)
  return true
end

local function known(subscriber)
  local own = base .. 's:' .. subscriber
  if call('HEXISTS', own, 'h') == 0 then
    call('HSET', own, 'h', whole(counted('subscriber', 1)))
  end
end

local function stamp()
  return tonumber(call('HGET', base .. 'meta', 'stamp') or '0')
end

-- A client may send a request again when its connection broke. Where that must not count twice, the request has a name of
-- its own, under which its answer is kept for a while: the second time it is given, and nothing is done.
local function answered()
  local text = ask.call and call('GET', base .. 'answer:' .. ask.call)
  return text and cjson.decode(text)
end

local function answer(reply)
  if ask.call then
    call('SET', base .. 'answer:' .. ask.call, cjson.encode(reply), 'EX', 600)
  end
  return reply
end
