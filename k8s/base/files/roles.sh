# Once, on an empty volume: the roles and databases of MLflow. Passwords come from files and go through psql's own quoting.
set -eu
here=/run/postgres-passwords
psql --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres \
    --set=mlflow="$(cat "$here/mlflow")" --set=backup="$(cat "$here/backup")" <<'SQL'
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow';
CREATE ROLE backup LOGIN PASSWORD :'backup';
GRANT pg_read_all_data TO backup;
CREATE DATABASE mlflow OWNER mlflow;
CREATE DATABASE mlflow_auth OWNER mlflow;
REVOKE CONNECT ON DATABASE mlflow, mlflow_auth FROM PUBLIC;
GRANT CONNECT ON DATABASE mlflow, mlflow_auth TO backup;
SQL
