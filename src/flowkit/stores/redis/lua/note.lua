-- plain
-- Notes how calls ended, and that another one begins; 0 where the claim is no longer held. It is run for every message,
-- so it takes its arguments as they are: the token, the key that begins or nothing, then keys and outcomes in turn.

local base, token, begins = KEYS[1], ARGV[1], ARGV[2]
local at = redis.call('HGET', base .. 'claim:' .. token, 'at')
if not at then
  return 0
end

local notes = base .. 'notes:' .. token
local asked, settled = { begins }, {}
for place = 3, #ARGV, 2 do
  asked[#asked + 1] = ARGV[place]
  settled[#settled + 1] = ARGV[place]
end
local known, written = redis.call('HMGET', notes, unpack(asked)), {}
local again = false
for place, key in ipairs(settled) do
  again = again or key == begins
  -- A call was made by the worker that noted its begin.
  local begun = string.match(known[place + 1] or '', '^[?#]%d+ (%-?%d+)$')
  written[#written + 1] = key
  written[#written + 1] = '!' .. (begun or at) .. ' ' .. ARGV[2 * place + 2]
end
if begins ~= '' then
  local deaths = not again and string.match(known[1] or '', '^[?#](%d+) ') or '0'
  written[#written + 1] = begins
  written[#written + 1] = '?' .. deaths .. ' ' .. at
end
redis.call('HSET', notes, unpack(written))
if #settled > 0 then
  redis.call('HDEL', base .. 'window:' .. token, unpack(settled))
end
return 1
