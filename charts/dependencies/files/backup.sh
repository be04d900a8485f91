# Dumps each database into a folder of its own time, whole or not at all, and forgets the oldest folders.
set -euo pipefail
PATH=$PATH:/usr/lib/postgresql/15/bin
at=/backup/$(date -u +%Y%m%dT%H%M%SZ)
trap 'rm -rf "$at.part"' EXIT
mkdir -p "$at.part"
for file in /etc/platform/passwords/*; do
  name=${file##*/}
  PGPASSWORD=$(<"$file") pg_dump -h "$PGHOST" -U "$name" -Fc -f "$at.part/$name.dump" "$name"
  echo "$name: $(stat -c %s "$at.part/$name.dump") bytes"
done
mv "$at.part" "$at"
all=(/backup/*Z)
for ((i = 0; i < ${#all[@]} - KEEP; i++)); do rm -r "${all[$i]}"; done
echo "$at is whole; $((${#all[@]} < KEEP ? ${#all[@]} : KEEP)) kept"
