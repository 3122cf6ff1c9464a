"""The SQL of telling an endpoint the events of a time once more."""

# What is told to one endpoint alone belongs to no range.
_WANTED = """
FROM events e WHERE e.merchant_id = $1 AND e.mode = $2 AND e.id > $3 AND e.id < $4
  AND ($5::text[] IS NULL OR e.type = ANY($5)) AND e.type <> $6
"""
REPLAY_COUNT = f"SELECT count(*) FROM (SELECT 1 {_WANTED} LIMIT $7) found"
REPLAY_INSERT = """
INSERT INTO replays (merchant_id, id, mode, endpoint_id, since, until, types, after_id, before_id, status, events, made_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'running', $10, $11) ON CONFLICT DO NOTHING
"""
_COLUMNS = """
merchant_id, id, mode, endpoint_id, since, until, types, after_id, before_id, status, events, staged, made_by, created_at,
finished_at
"""
REPLAY = f"SELECT {_COLUMNS} FROM replays WHERE merchant_id = $1 AND id = $2"
REPLAY_LOCK = f"SELECT {_COLUMNS} FROM replays WHERE merchant_id = $1 AND id = $2 FOR UPDATE"
REPLAY_RUNNING = f"""
SELECT {_COLUMNS} FROM replays WHERE merchant_id = $1 AND endpoint_id = $2 AND status = 'running'
"""
REPLAYS = f"""
SELECT {_COLUMNS} FROM replays WHERE merchant_id = $1 AND endpoint_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4
"""
# What waits for the endpoint already is not told twice.
REPLAY_BATCH = f"""
SELECT b.id, b.subject_id, b.sequence, b.type, EXISTS (
    SELECT 1 FROM deliveries d
    WHERE d.merchant_id = $1 AND d.endpoint_id = $8 AND d.subject_id = b.subject_id AND d.sequence = b.sequence
      AND d.status = 'waiting'
) AS waits
FROM (SELECT e.id, e.subject_id, e.sequence, e.type {_WANTED} ORDER BY e.id LIMIT $7) b ORDER BY b.id
"""
REPLAY_STEP = "UPDATE replays SET after_id = $3, staged = staged + $4 WHERE merchant_id = $1 AND id = $2"
REPLAY_END = """
UPDATE replays SET status = $3, finished_at = now() WHERE merchant_id = $1 AND id = $2 AND status = 'running'
"""
WAITING_AT_ENDPOINT = """
SELECT count(*) FROM (
    SELECT 1 FROM deliveries WHERE merchant_id = $1 AND endpoint_id = $2 AND status = 'waiting' LIMIT $3
) waiting
"""
