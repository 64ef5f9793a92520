-- Opens a store: writes what it is where there is none yet, and gives {schema, partitions, stamp}.

local meta = base .. 'meta'
call('HSETNX', meta, 'schema', ask.schema)
call('HSETNX', meta, 'partitions', ask.parts)
return { call('HGET', meta, 'schema'), call('HGET', meta, 'partitions'), stamp() }
