#!/usr/bin/env bash
# One database and one role for each name in DATABASES. The role owns its database and may connect to no other.
# PGHOST, PGUSER, PGPASSWORD: the superuser; DATABASE_PASSWORD_<NAME>: the password of each role. Safe to repeat; a changed
# password is taken over. The passwords pass by the environment, so that no list of processes shows them.
set -euo pipefail

: "${DATABASES:?}" "${PGPASSWORD:?}"
run=(psql --no-psqlrc --quiet --dbname=postgres --set=ON_ERROR_STOP=1)

for name in $DATABASES; do
  password="DATABASE_PASSWORD_${name^^}"
  ROLE="$name" SECRET="${!password:?}" "${run[@]}" <<'SQL'
\getenv role ROLE
\getenv secret SECRET
SELECT format('CREATE ROLE %I', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'secret';
SELECT format('CREATE DATABASE %I OWNER %I', :'role', :'role')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'role') \gexec
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
SQL
  echo "$name: role and database are in place"
done
# Whoever owns one database has no business in the shared ones either.
"${run[@]}" --command='REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC'
