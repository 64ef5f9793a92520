-- Reads how often all subscribers together entered a workflow, or a rate limit's bucket: {sequence, turns}.

if ask.bucket then
  return call('HMGET', base .. 'bucket', 'sequence', 'turns')
end
return call('GET', base .. 'entries')
