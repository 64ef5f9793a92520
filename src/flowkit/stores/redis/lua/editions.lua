-- Reads the stamp, and the versions that were changed after one or that have a number:
-- each {number, document, when published, the live version of its workflow, what is ordered for the workflow}.

local numbers = ask.number and { ask.number }
  or call('ZRANGEBYSCORE', base .. 'changed', '(' .. whole(ask.since), '+inf')
local found = {}
for place, number in ipairs(numbers) do
  local document = call('HGET', base .. 'editions', number)
  local workflow = cjson.decode(document)[1]
  found[place] = {
    number,
    document,
    call('HGET', base .. 'published', number),
    call('HGET', base .. 'current', workflow) or '',
    call('HGET', base .. 'holds', workflow) or '',
  }
end
return { stamp(), found }
