# Put one dump of both databases back, each whole or not at all.
set -eu
if [ "$DUMP" = newest ]; then
    DUMP=$(ls -1r "$BACKUPS" | sed -n 's/\.mlflow_auth\.dump$//p' | head -n 1)
fi
for database in mlflow mlflow_auth; do
    test -s "$BACKUPS/$DUMP.$database.dump" || { echo "$BACKUPS/$DUMP.$database.dump must be a dump, got none; ls $BACKUPS" >&2; exit 2; }
done
for database in mlflow mlflow_auth; do
    pg_restore --clean --if-exists --no-owner --no-privileges --single-transaction --exit-on-error \
        --dbname="$database" "$BACKUPS/$DUMP.$database.dump"
done
echo "restored $DUMP"
