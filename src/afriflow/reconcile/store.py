"""The SQL of what the audit remembers: how far it has looked, and what is broken until it is seen whole."""

# One row for the house, under nobody's name. The first look goes an hour back; what lies before is for the command.
AUDIT_WINDOW = """
SELECT looked_until, looked_until - make_interval(secs => $1) AS since,
       least(now(), looked_until + make_interval(secs => $2)) AS until
FROM audits WHERE merchant_id = ''
"""
AUDIT_BEGIN = """
INSERT INTO audits (merchant_id, looked_until) VALUES ('', now() - interval '1 hour') ON CONFLICT DO NOTHING
"""
AUDIT_DONE = """
UPDATE audits SET looked_until = $2, finished_at = now() WHERE merchant_id = '' AND looked_until = $1
"""
AUDIT_AGE = "SELECT extract(epoch FROM now() - finished_at) FROM audits WHERE merchant_id = ''"
VIOLATIONS_OPEN = "SELECT rule, merchant_id, subject_id FROM violations"
VIOLATION_FOUND = """
INSERT INTO violations (merchant_id, rule, subject_id, detail) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id, rule, subject_id) DO UPDATE SET detail = excluded.detail, seen_at = now()
"""
VIOLATION_GONE = "DELETE FROM violations WHERE merchant_id = $1 AND rule = $2 AND subject_id = $3"
VIOLATIONS_PER_RULE = "SELECT rule, count(*) FROM violations GROUP BY rule"
# Of all merchants: who runs the installation is called.
WAITS_FOR_PEOPLE = """
SELECT (SELECT count(*) FROM transactions WHERE unresolved) + (SELECT count(*) FROM disbursements WHERE unresolved)
           AS unresolved,
       (SELECT count(*) FROM transactions WHERE needs_review) + (SELECT count(*) FROM disbursements WHERE needs_review)
           AS needs_review,
       (SELECT count(*) FROM jobs.pgqueuer WHERE status = 'failed') AS held_jobs
"""
# Functions of the database: only they may remove what is written once, and they know what is too young for it.
FORGET_PROVIDER_LOGS = "SELECT forget_provider_logs($1, $2)"
FORGET_NOTIFICATIONS = "SELECT forget_notifications($1, $2)"
FORGET_DELIVERY_ANSWERS = "SELECT forget_delivery_answers($1, $2)"

ONLY_READ = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
