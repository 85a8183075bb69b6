# Dump both databases under one time, prove that each dump can be read, keep the newest KEEP.
set -eu
now=$(date -u +%Y%m%dT%H%M%SZ)
for database in mlflow mlflow_auth; do
    part="$BACKUPS/$now.$database.part"
    trap 'rm -f "$part"' EXIT
    pg_dump --format=custom --file="$part" "$database"
    pg_restore --list "$part" | grep -q 'TABLE DATA'
    mv "$part" "$BACKUPS/$now.$database.dump"
    ls -1r "$BACKUPS" | grep "\.$database\.dump\$" | tail -n +$((KEEP + 1)) | while read -r old; do rm "$BACKUPS/$old"; done
done
echo "dumped $now: $(du -sh "$BACKUPS" | cut -f1) in all"
