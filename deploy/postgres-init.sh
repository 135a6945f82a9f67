#!/bin/bash
# Run once by the Postgres image, on an empty volume: a role and a database of its own for Airflow and for ops.
set -euo pipefail

make_database() { # NAME PASSWORD
  psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --set=name="$1" --set=password="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
SQL
}

make_database airflow "$AIRFLOW_DATABASE_PASSWORD"
make_database ops "$OPS_DATABASE_PASSWORD"
