-- Names subscribers with a ledger that is due, each once as instant and name, the longest due first.

local found, seen, first = {}, {}, 0
while #found < ask.limit do
  local due = call('ZRANGEBYSCORE', base .. 'watch', '-inf', ask.now, 'WITHSCORES', 'LIMIT', first, ask.limit)
  for place = 1, #due, 2 do
    local subscriber = string.match(due[place], '^([^%z]*)')
    if not seen[subscriber] and #found < ask.limit then
      seen[subscriber] = true
      found[#found + 1] = { due[place + 1], subscriber }
    end
  end
  if #due < 2 * ask.limit then
    break
  end
  first = first + ask.limit
end
return { found, stamp() }
