-- One account's health, shared by the fleet. KEYS[1]: its hash (all fields in one slot). Time is Redis' own.
-- ARGV: 1 verb (look|ask|good|bad|release) 2 window s 3 calls min 4 failure percent 5 open s 6 open s max 7 probes 8 lease s 9 probe id
-- Answers {allowed (0|1), seconds until asked again, is a probe (0|1)}.
local key, verb = KEYS[1], ARGV[1]
local window, least, percent = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local pause, pause_max, probes, lease = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local h = {}
local raw = redis.call('HGETALL', key)
for i = 1, #raw, 2 do h[raw[i]] = raw[i + 1] end
local opened = tonumber(h['open_until'] or '0')
local rounds = tonumber(h['rounds'] or '0')
redis.call('EXPIRE', key, window + pause_max + 60)

local function open()
  local seconds = math.min(pause_max, pause * 2 ^ rounds)
  redis.call('DEL', key)
  redis.call('HSET', key, 'open_until', now + seconds, 'rounds', rounds + 1)
  redis.call('EXPIRE', key, window + pause_max + 60)
  return {0, math.ceil(seconds), 0}
end

if verb == 'look' or verb == 'ask' then
  if opened == 0 then return {1, 0, 0} end
  if now < opened then return {0, math.ceil(opened - now), 0} end
  local held = 0
  for field, value in pairs(h) do
    if string.sub(field, 1, 2) == 'p:' then
      if tonumber(value) > now then held = held + 1 else redis.call('HDEL', key, field) end
    end
  end
  if held >= probes then return {0, 1, 0} end
  if verb == 'look' then return {1, 0, 0} end
  redis.call('HSET', key, 'p:' .. ARGV[9], now + lease)
  return {1, 0, 1}
end

local mine = h['p:' .. ARGV[9]]
if verb == 'release' then
  if mine then redis.call('HDEL', key, 'p:' .. ARGV[9]) end
  return {1, 0, 0}
end

if opened > 0 then
  if not mine then return {0, 0, 0} end -- a late report from before it opened, or a probe whose lease ran out
  redis.call('HDEL', key, 'p:' .. ARGV[9])
  if verb == 'bad' then return open() end
  if redis.call('HINCRBY', key, 'healed', 1) >= probes then redis.call('DEL', key) end
  return {1, 0, 0}
end

local bucket = math.floor(now / window * 12) -- twelve buckets in a window, so that it rolls
redis.call('HINCRBY', key, (verb == 'bad' and 'b:' or 'g:') .. bucket, 1)
if verb == 'good' then return {1, 0, 0} end
h['b:' .. bucket] = (tonumber(h['b:' .. bucket] or '0')) + 1
local good, bad = 0, 0
for field, value in pairs(h) do
  local kind, at = string.match(field, '^([gb]):(%d+)$')
  if kind then
    if bucket - tonumber(at) >= 12 then redis.call('HDEL', key, field)
    elseif kind == 'g' then good = good + tonumber(value)
    else bad = bad + tonumber(value) end
  end
end
if good + bad >= least and bad * 100 >= percent * (good + bad) then return open() end
return {1, 0, 0}
