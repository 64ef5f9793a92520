-- Tells when the first run, watch or sweep wants to go on, as text; none where none does.

local found = {}
for _, key in ipairs({ 'due', 'held', 'watch', 'sweep-due' }) do
  local first = call('ZRANGE', base .. key, 0, 0, 'WITHSCORES')[2]
  if first and first ~= 'inf' then
    found[#found + 1] = first
  end
end
return found
