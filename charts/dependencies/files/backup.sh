# Dumps each database into a folder of its own time, whole or not at all, and forgets the oldest folders.
set -euo pipefail
PATH=$PATH:/usr/lib/postgresql/15/bin
at=/backup/$(date -u +%Y%m%dT%H%M%SZ)
trap 'rm -rf "$at.part"' EXIT
mkdir -p "$at.part"
# Who hears goes before who tells (docs/backup.md): a fact that only its hearer's dump knows cannot be undone. One that is not named here goes first.
order=(retention notifications reporting mitigation ingestion detection accounts)
for file in /etc/platform/passwords/*; do
  [[ " ${order[*]} " == *" ${file##*/} "* ]] || order=("${file##*/}" "${order[@]}")
done
for name in "${order[@]}"; do
  file=/etc/platform/passwords/$name
  [[ -e $file ]] || continue
  PGPASSWORD=$(<"$file") pg_dump -h "$PGHOST" -U "$name" -Fc -f "$at.part/$name.dump" "$name"
  echo "$name: $(stat -c %s "$at.part/$name.dump") bytes"
done
mv "$at.part" "$at"
all=(/backup/*Z)
for ((i = 0; i < ${#all[@]} - KEEP; i++)); do rm -r "${all[$i]}"; done
echo "$at is whole; $((${#all[@]} < KEEP ? ${#all[@]} : KEEP)) kept"
