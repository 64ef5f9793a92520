-- Reads a page of the names of runs, oldest first: of all, of those that failed, of a workflow's living ones, or of a
-- subscriber's. Gives rows.

local names = {}
if ask.subscriber then
  local all = call('ZRANGE', base .. 'r:' .. ask.subscriber, 0, -1)
  for field in pairs(fields_of(base .. 's:' .. ask.subscriber)) do
    if string.sub(field, 1, 2) == 'r:' then
      all[#all + 1] = string.sub(field, 3)
    end
  end
  table.sort(all)
  for _, name in ipairs(all) do
    if name > ask.after and #names < ask.limit then
      names[#names + 1] = name
    end
  end
elseif ask.failed or ask.living then
  local key = ask.failed and base .. 'failed' or base .. 'live:' .. ask.living
  names = call('ZRANGEBYLEX', key, '(' .. ask.after, '+', 'LIMIT', 0, ask.limit)
else
  local from = '(' .. whole(tonumber(ask.after, 16)) .. '-0'
  for place, entry in ipairs(call('XRANGE', base .. 'order', from, '+', 'COUNT', ask.limit)) do
    names[place] = name_of(tonumber(string.match(entry[1], '^(%d+)')))
  end
end
return rows_of(names)
