-- The circuits of one account, shared by the fleet: `routing/circuit.py` in Redis. Time is Redis' own.
-- KEYS: the circuits that a call needs, all of one account (one slot).
-- ARGV: 1 name of the probe 2 window s 3 calls min 4 failure percent 5 lost in a row 6 open s 7 open s max 8 probes
--       9 lease s 10 factor of the next pause (jitter), then one verb for each key: look|ask|good|bad|lost|release.
-- Answers for each key {allowed (0|1), milliseconds until asked again, state (0 closed|1 open|2 half-open),
-- rounds, is a probe (0|1), turned (0|1 it opened|2 it closed)}. A call may be made if every key allows it.
local probe = ARGV[1]
local window, least, percent, in_a_row = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local pause, pause_max, probes, lease = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local factor = tonumber(ARGV[10])
local buckets = 12 -- in a window, so that it rolls
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local bucket = math.floor(now / window * buckets)

local function read(key)
  local raw = redis.call('HGETALL', key)
  local c = { key = key, open_until = 0, rounds = 0, healed = 0, lost = 0, good = 0, bad = 0, held = 0, mine = false }
  for i = 1, #raw, 2 do
    local field, value = raw[i], tonumber(raw[i + 1])
    local kind, at = string.match(field, '^([gb]):(%d+)$')
    if kind then
      if bucket - tonumber(at) >= buckets then redis.call('HDEL', key, field)
      elseif kind == 'g' then c.good = c.good + value
      else c.bad = c.bad + value end
    elseif string.sub(field, 1, 2) == 'p:' then
      if value <= now then redis.call('HDEL', key, field)
      else
        c.held = c.held + 1
        if field == 'p:' .. probe then c.mine = true end
      end
    else c[field] = value end
  end
  return c
end

local function state(c)
  if c.open_until == 0 then return 0 end
  return now < c.open_until and 1 or 2
end

local function answer(c, allowed, wait, is_probe, turned)
  return {allowed, math.ceil(wait * 1000), state(c), c.rounds, is_probe, turned}
end

local function look(c)
  local as = state(c)
  if as == 1 then return answer(c, 0, c.open_until - now, 0, 0) end
  if as == 2 and c.held >= probes then return answer(c, 0, 1, 0, 0) end
  return answer(c, 1, 0, 0, 0)
end

local function open(c)
  local first = c.open_until == 0
  local seconds = math.min(pause_max, pause * 2 ^ c.rounds) * factor
  c.open_until, c.rounds = now + seconds, c.rounds + 1
  redis.call('DEL', c.key)
  redis.call('HSET', c.key, 'open_until', string.format('%.6f', c.open_until), 'rounds', c.rounds)
  return answer(c, 0, seconds, 0, first and 1 or 0)
end

local function tell(c, verb)
  if verb == 'release' or (c.open_until > 0 and not c.mine) then -- nothing to learn, or a report from before it opened
    redis.call('HDEL', c.key, 'p:' .. probe)
    return look(c)
  end
  if c.open_until > 0 then
    redis.call('HDEL', c.key, 'p:' .. probe)
    if verb ~= 'good' then return open(c) end
    if redis.call('HINCRBY', c.key, 'healed', 1) < probes then return answer(c, 1, 0, 0, 0) end
    redis.call('DEL', c.key)
    c.open_until, c.rounds = 0, 0
    return answer(c, 1, 0, 0, 2)
  end
  if verb == 'good' then
    redis.call('HINCRBY', c.key, 'g:' .. bucket, 1)
    redis.call('HDEL', c.key, 'lost')
    return look(c)
  end
  redis.call('HINCRBY', c.key, 'b:' .. bucket, 1)
  c.bad = c.bad + 1
  if verb == 'lost' then c.lost = redis.call('HINCRBY', c.key, 'lost', 1)
  else redis.call('HDEL', c.key, 'lost') c.lost = 0 end
  local calls = c.good + c.bad
  if c.lost >= in_a_row or (calls >= least and c.bad * 100 >= percent * calls) then return open(c) end
  return look(c)
end

local circuits, allowed = {}, true
for i, key in ipairs(KEYS) do
  circuits[i] = read(key)
  if ARGV[10 + i] == 'ask' and look(circuits[i])[1] == 0 then allowed = false end
end
local answers = {}
for i, c in ipairs(circuits) do
  local verb = ARGV[10 + i]
  if verb == 'look' or (verb == 'ask' and not (allowed and state(c) == 2)) then answers[i] = look(c)
  elseif verb == 'ask' then
    redis.call('HSET', c.key, 'p:' .. probe, string.format('%.6f', now + lease))
    answers[i] = answer(c, 1, 0, 1, 0)
  else answers[i] = tell(c, verb) end
  redis.call('EXPIRE', c.key, math.ceil(window + pause_max * 1.2 + lease + 60))
end
return answers
