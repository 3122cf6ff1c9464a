"""The SQL of people, their sessions, their second factor and the links that let them in."""

PERSON_INSERT = """
INSERT INTO people (email, merchant_id, id, role, password_hash) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (email) DO NOTHING
"""
PERSON_COLUMNS = """
p.merchant_id, p.id, p.email, p.role, p.password_hash, p.suspended_at, p.second_factor_since, p.created_at
"""
# By address, before the merchant is known: who signs in.
PERSON_OF_EMAIL = f"SELECT {PERSON_COLUMNS} FROM people p WHERE p.email = $1"
PERSON = f"SELECT {PERSON_COLUMNS} FROM people p WHERE p.merchant_id = $1 AND p.id = $2"
PEOPLE = f"""
SELECT {PERSON_COLUMNS}, (
    SELECT max(s.seen_at) FROM dashboard_sessions s WHERE s.merchant_id = p.merchant_id AND s.person_id = p.id
) AS seen_at
FROM people p WHERE p.merchant_id = $1 ORDER BY p.created_at, p.id
"""
# Whoever takes an owner away holds all owners' rows first: two at once cannot take the last two.
OWNERS_LOCK = """
SELECT id FROM people WHERE merchant_id = $1 AND role = 'owner' AND suspended_at IS NULL ORDER BY id FOR UPDATE
"""
PERSON_LOCK = f"SELECT {PERSON_COLUMNS} FROM people p WHERE p.merchant_id = $1 AND p.id = $2 FOR UPDATE"
PERSON_ROLE = "UPDATE people SET role = $3 WHERE merchant_id = $1 AND id = $2"
PERSON_SUSPEND = "UPDATE people SET suspended_at = now() WHERE merchant_id = $1 AND id = $2"
PERSON_RESUME = "UPDATE people SET suspended_at = NULL WHERE merchant_id = $1 AND id = $2"
PERSON_DELETE = "DELETE FROM people WHERE merchant_id = $1 AND id = $2"
HASH_SET = "UPDATE people SET password_hash = $3 WHERE merchant_id = $1 AND id = $2"

FACTOR_PENDING_SET = "UPDATE people SET second_factor_pending_sealed = $3 WHERE merchant_id = $1 AND id = $2"
FACTOR = """
SELECT second_factor_sealed, second_factor_pending_sealed, second_factor_since FROM people WHERE merchant_id = $1 AND id = $2
"""
FACTOR_CONFIRM = """
UPDATE people SET second_factor_sealed = $5, second_factor_pending_sealed = NULL, second_factor_since = now(),
    second_factor_step = $3
WHERE merchant_id = $1 AND id = $2 AND second_factor_pending_sealed = $4
"""
# A code's step of time is taken once and only forwards: of two who bring the same code one is too late.
FACTOR_STEP_TAKE = """
UPDATE people SET second_factor_step = $3
WHERE merchant_id = $1 AND id = $2 AND second_factor_since IS NOT NULL
  AND (second_factor_step IS NULL OR second_factor_step < $3)
"""
FACTOR_FORGET = """
UPDATE people SET second_factor_sealed = NULL, second_factor_pending_sealed = NULL, second_factor_since = NULL
WHERE merchant_id = $1 AND id = $2
"""
RECOVERY_INSERT = "INSERT INTO recovery_codes (merchant_id, person_id, code_hash) VALUES ($1, $2, $3)"
RECOVERY_TAKE = "DELETE FROM recovery_codes WHERE merchant_id = $1 AND person_id = $2 AND code_hash = $3"
RECOVERY_FORGET = "DELETE FROM recovery_codes WHERE merchant_id = $1 AND person_id = $2"
RECOVERY_LEFT = "SELECT count(*) FROM recovery_codes WHERE merchant_id = $1 AND person_id = $2"

SESSION_INSERT = """
INSERT INTO dashboard_sessions (
    token_hash, merchant_id, id, person_id, code_wanted, agent, address, proven_at, seen_at, expires_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, now(), now(), now() + make_interval(secs => $8))
"""
# By the hash of what a browser brings, before the merchant is known.
SESSION = """
SELECT s.merchant_id, s.id, s.person_id, s.code_wanted, p.email, p.role, m.name, m.country, m.language,
    p.second_factor_since IS NOT NULL AS second_factor,
    s.proven_at > now() - make_interval(secs => $3) AS proven,
    s.seen_at < now() - interval '1 minute' AS seen_long_ago,
    coalesce(l.second_factor, 'money') AS second_factor_of
FROM dashboard_sessions s
JOIN people p ON p.merchant_id = s.merchant_id AND p.id = s.person_id
JOIN merchants m ON m.merchant_id = s.merchant_id
LEFT JOIN merchant_policies l ON l.merchant_id = s.merchant_id AND l.mode = 'live'
WHERE s.token_hash = $1 AND s.expires_at > now() AND s.seen_at > now() - make_interval(secs => $2)
  AND p.suspended_at IS NULL
"""
SESSION_LIVES = """
SELECT true FROM dashboard_sessions s JOIN people p ON p.merchant_id = s.merchant_id AND p.id = s.person_id
WHERE s.merchant_id = $1 AND s.id = $2 AND s.expires_at > now() AND s.seen_at > now() - make_interval(secs => $3)
  AND p.suspended_at IS NULL
"""
SESSION_SEEN = "UPDATE dashboard_sessions SET seen_at = now() WHERE merchant_id = $1 AND id = $2"
# Another token for the same session: what somebody may have seen of the old one is worth nothing any more.
SESSION_RENEW = """
UPDATE dashboard_sessions
SET token_hash = $3, seen_at = now(), proven_at = CASE WHEN $4 THEN now() ELSE proven_at END
WHERE merchant_id = $1 AND id = $2
"""
SESSIONS = """
SELECT id, agent, address, created_at, seen_at FROM dashboard_sessions
WHERE merchant_id = $1 AND person_id = $2 AND NOT code_wanted
  AND expires_at > now() AND seen_at > now() - make_interval(secs => $3)
ORDER BY seen_at DESC, id
"""
SESSION_END = "DELETE FROM dashboard_sessions WHERE merchant_id = $1 AND person_id = $2 AND id = $3"
SESSIONS_END_OTHERS = "DELETE FROM dashboard_sessions WHERE merchant_id = $1 AND person_id = $2 AND id <> $3"
SESSIONS_END = "DELETE FROM dashboard_sessions WHERE merchant_id = $1 AND person_id = $2"
SESSION_END_BY_HASH = """
DELETE FROM dashboard_sessions s USING people p
WHERE s.token_hash = $1 AND p.merchant_id = s.merchant_id AND p.id = s.person_id
RETURNING s.merchant_id, s.person_id, p.email
"""
SESSIONS_PRUNE = "DELETE FROM dashboard_sessions WHERE expires_at < now()"

LINK_COLUMNS = (
    "l.merchant_id, l.id, l.kind, l.email, l.role, l.forget_factor, l.made_by, l.created_at, l.expires_at"
)
LINK_INSERT = """
INSERT INTO person_links (token_hash, merchant_id, id, kind, email, role, forget_factor, made_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9))
"""
# By the hash of what stands in the address, before the merchant is known.
LINK = f"""
SELECT {LINK_COLUMNS}, m.name FROM person_links l JOIN merchants m ON m.merchant_id = l.merchant_id
WHERE l.token_hash = $1 AND l.expires_at > now()
"""
LINK_TAKE = "DELETE FROM person_links WHERE token_hash = $1 AND expires_at > now() RETURNING id"
LINKS = f"""
SELECT {LINK_COLUMNS} FROM person_links l
WHERE l.merchant_id = $1 AND l.kind = 'invitation' AND l.expires_at > now() ORDER BY l.created_at, l.id
"""
LINKS_DELETE = "DELETE FROM person_links WHERE merchant_id = $1 AND email = $2"
LINK_DELETE = "DELETE FROM person_links WHERE merchant_id = $1 AND id = $2 RETURNING email"
LINKS_PRUNE = "DELETE FROM person_links WHERE expires_at < now()"

FACTOR_POLICY = """
SELECT second_factor FROM merchant_policies WHERE merchant_id = $1 AND mode = 'live'
"""
FACTOR_POLICY_PUT = """
INSERT INTO merchant_policies (merchant_id, mode, second_factor, updated_by) VALUES ($1, 'live', $2, $3)
ON CONFLICT (merchant_id, mode) DO UPDATE
SET second_factor = excluded.second_factor, updated_by = excluded.updated_by, updated_at = now()
"""
