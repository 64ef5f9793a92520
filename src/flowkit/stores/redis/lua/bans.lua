-- Reads a page of the suppression list, {number, row}, ... after a number.

local numbers = call('ZRANGEBYSCORE', base .. 'ban-order', '(' .. whole(ask.after), '+inf', 'LIMIT', 0, ask.limit)
local rows, found = many(base .. 'bans', numbers), {}
for place = 1, #numbers do
  found[place] = { numbers[place], rows[place] }
end
return found
