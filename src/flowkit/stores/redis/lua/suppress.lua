-- Puts subscribers on the suppression list, each {subscriber, row}, or lifts what stands for a reason.
-- Gives the places of those for whom that changed something.

local changed = {}
for place, one in ipairs(ask.subscribers) do
  if ask.lifted then
    local own, any = base .. 's:' .. one, false
    for field, number in pairs(fields_of(own)) do
      if string.sub(field, 1, #ask.reason + 3) == 'b:' .. ask.reason .. ':' then
        call('HDEL', own, field)
        call('HSET', base .. 'bans', number, call('HGET', base .. 'bans', number) .. ',' .. ask.lifted)
        call('HINCRBY', base .. 'counts', 'standing', -1)
        any = true
      end
    end
    if any then
      changed[#changed + 1] = place - 1
    end
  elseif add_ban(one[1], ask.reason, ask.scope, one[2]) then
    known(one[1])
    changed[#changed + 1] = place - 1
  end
end
keep_counts()
return changed
