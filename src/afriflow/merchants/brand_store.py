"""The SQL of how merchants look to their payers."""

BRAND = """
SELECT m.name, m.language, b.public_name, b.accent, b.support_phone, b.support_whatsapp, b.support_email, b.logo_hash
FROM merchants m LEFT JOIN brands b ON b.merchant_id = m.merchant_id WHERE m.merchant_id = $1
"""
BRAND_PUT = """
INSERT INTO brands (merchant_id, public_name, accent, support_phone, support_whatsapp, support_email, updated_by)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (merchant_id) DO UPDATE
SET public_name = excluded.public_name, accent = excluded.accent, support_phone = excluded.support_phone,
    support_whatsapp = excluded.support_whatsapp, support_email = excluded.support_email,
    updated_by = excluded.updated_by, updated_at = now()
"""
LANGUAGE_PUT = "UPDATE merchants SET language = $2 WHERE merchant_id = $1"
LOGO = "SELECT logo FROM brands WHERE merchant_id = $1 AND logo_hash = $2"
LOGO_PUT = """
INSERT INTO brands (merchant_id, logo, logo_hash, updated_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id) DO UPDATE
SET logo = excluded.logo, logo_hash = excluded.logo_hash, updated_by = excluded.updated_by, updated_at = now()
"""
