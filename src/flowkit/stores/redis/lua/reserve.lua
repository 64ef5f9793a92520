-- Takes places under caps, of each message under all of its caps or under none; gives of each the caps that are full.
-- A place is a field "cap\0key" of its subscriber, with "since until"; `placed` tells whose the places of a key are.

local at = ask.at

local function places_of(subscriber)
  local places, lapsed, kept = {}, {}, {}
  for field, text in pairs(fields_of(base .. 'p:' .. subscriber)) do
    local since, until_ = string.match(text, '^(%S+) (%S+)$')
    local cap, key = string.match(field, '^([^%z]*)%z(.*)$')
    if tonumber(until_) <= at then
      call('HDEL', base .. 'p:' .. subscriber, field)
      lapsed[key] = true
    else
      places[#places + 1] = { cap = cap, key = key, since = tonumber(since), till = tonumber(until_) }
      kept[key] = true
    end
  end
  for key in pairs(lapsed) do
    if not kept[key] then
      call('HDEL', base .. 'placed', key)
    end
  end
  return places
end

-- Who has not asked for long is forgotten here, a few at a time.
for _, subscriber in ipairs(call('ZRANGEBYSCORE', base .. 'lapses', '-inf', whole(at), 'LIMIT', 0, 20)) do
  for field in pairs(fields_of(base .. 'p:' .. subscriber)) do
    call('HDEL', base .. 'placed', string.match(field, '%z(.*)$'))
  end
  call('DEL', base .. 'p:' .. subscriber)
  call('ZREM', base .. 'lapses', subscriber)
end

local answers = {}
for number, one in ipairs(ask.asked) do
  local places, full = places_of(one.subscriber), {}
  for _, cap in ipairs(one.caps) do
    local taken = {}
    for _, place in ipairs(places) do
      if place.cap == cap[1] and place.since > cap[3] and place.key ~= one.key then
        taken[#taken + 1] = place.since
      end
    end
    if #taken >= cap[2] then
      table.sort(taken, function(a, b) return a > b end)
      full[#full + 1] = { cap[1], #taken, whole(taken[cap[2]]) }
    end
  end
  if #full == 0 then
    for _, cap in ipairs(one.caps) do
      local since, till = at, cap[4]
      for _, place in ipairs(places) do
        if place.cap == cap[1] and place.key == one.key then
          since, till = math.max(since, place.since), math.max(till, place.till)
        end
      end
      call('HSET', base .. 'p:' .. one.subscriber, cap[1] .. '\0' .. one.key, whole(since) .. ' ' .. whole(till))
      call('HSET', base .. 'placed', one.key, one.subscriber)
      call('ZADD', base .. 'lapses', 'GT', whole(till), one.subscriber)
    end
  end
  answers[number] = full
end
return answers
