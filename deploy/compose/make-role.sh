#!/bin/sh
# Run once, when PostgreSQL's data is made: the role that serve and work run under. `afriflow migrate` grants it its rights.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$AFRIFLOW_APP_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE afriflow_app LOGIN PASSWORD :'password';
SQL
