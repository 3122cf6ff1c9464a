"""The database: its tables on one page, its pool, its migrations."""
