"""The SQL of saved views."""

VIEWS = """
SELECT id, listing, name, query, shared, made_by FROM saved_views
WHERE merchant_id = $1 AND listing = $2 AND (made_by = $3 OR shared) ORDER BY name, id LIMIT $4
"""
VIEW_SAVE = """
INSERT INTO saved_views (merchant_id, id, listing, made_by, name, query, shared)
SELECT $1, $2, $3, $4, $5, $6, $7
WHERE (SELECT count(*) FROM saved_views WHERE merchant_id = $1 AND made_by = $4 AND listing = $3 AND name <> $5) < $8
ON CONFLICT (merchant_id, made_by, listing, name) DO UPDATE SET query = excluded.query, shared = excluded.shared
RETURNING id, listing, name, query, shared, made_by
"""
VIEW_REMOVE = """
DELETE FROM saved_views WHERE merchant_id = $1 AND id = $2 AND (made_by = $3 OR (shared AND $4))
RETURNING id, listing, name, query, shared, made_by
"""
