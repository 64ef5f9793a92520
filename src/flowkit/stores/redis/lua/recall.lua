-- Reads what is remembered about subscribers: of each false, or
-- {fields and values, which events were seen, living rows, past by type, ended rows}; behind them the stamp, and totals.

local function past(subscriber)
  local found = {}
  for place, kind in ipairs(ask.history) do
    local key = base .. 'h:' .. #kind .. ':' .. kind .. ':' .. subscriber
    found[place] = call('ZRANGE', key, 0, -1, 'WITHSCORES')
  end
  return found
end

local found = {}
for place, one in ipairs(ask.subscribers) do
  local subscriber, events = one[1], one[2]
  local flat = call('HGETALL', base .. 's:' .. subscriber)
  if #flat == 0 then
    found[place] = false
  else
    local seen, runs, over = {}, {}, {}
    for index, event in ipairs(events) do
      seen[index] = call('SISMEMBER', base .. 'e:' .. subscriber, event)
    end
    if ask.runs then
      for index = 1, #flat, 2 do
        if string.sub(flat[index], 1, 2) == 'r:' then
          runs[#runs + 1] = string.sub(flat[index], 3)
        end
      end
      table.sort(runs)
    end
    if ask.ended then
      over = call('ZRANGEBYSCORE', base .. 'r:' .. subscriber, ask.ended, '+inf')
      table.sort(over)
    end
    found[place] = { flat, seen, rows_of(runs), past(subscriber), rows_of(over) }
  end
end
return { found, stamp(), many(base .. 'totals', ask.totals) }
