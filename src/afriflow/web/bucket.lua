-- One request out of a bucket that fills by itself: `web/pace.py` in Redis. Time is Redis' own.
-- KEYS: 1 the bucket. ARGV: 1 requests per second 2 burst.
-- What is kept is when it will be full (microseconds). Answers {admitted (0|1), microseconds until it is full}.
local each = 1000000 / tonumber(ARGV[1])
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local after = full_at + each
if after - now > each * tonumber(ARGV[2]) then return { 0, full_at - now } end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1)
return { 1, after - now }
