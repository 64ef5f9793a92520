-- Tells whether there is anything to be claimed: 1 for a run that is due or a lapsed claim, else 0.

if call('ZCOUNT', base .. 'claims', '-inf', string.format('%.17g', clock())) > 0 then
  return 1
end
return #call('ZRANGEBYSCORE', base .. 'due', '-inf', ask.now, 'LIMIT', 0, 1)
