-- Keeps the inputs of effects, each {name of the run, key, text}; gives what was kept first.

local kept = {}
for place, one in ipairs(ask.inputs) do
  call('SADD', base .. 'frozen', one[1])
  call('HSETNX', base .. 'f:' .. one[1], one[2], one[3])
  kept[place] = call('HGET', base .. 'f:' .. one[1], one[2])
end
return kept
