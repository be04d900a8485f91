# In the PostgreSQL pod, while everything runs: each database is dumped and restored beside itself, and every event stream is compared by hash.
# Says how long each took; a stream that grew since its dump is compared as far as the dump goes.
set -euo pipefail
export PGHOST=/run/postgresql PGUSER=postgres
ask() { psql -v ON_ERROR_STOP=1 -qAt "$@"; }
streams() { # DATABASE LAST-SEQUENCE
  ask "$1" -c "select count(*) || ' ' || md5(coalesce(string_agg(md5(e::text), '' order by seq_id), '')) from events.mt_events e where seq_id <= $2"
}
since=$(date +%s%N)
took() { echo "$1: $((($(date +%s%N) - since) / 1000000)) ms"; since=$(date +%s%N); }
read -ra databases < <(ask postgres -c "select string_agg(datname, ' ') from pg_database where not datistemplate and datname <> 'postgres' and datname !~ '_restored$'")
for name in "${databases[@]}"; do pg_dump -Fc -f "/tmp/$name.dump" "$name"; done
took dumped
for name in "${databases[@]}"; do
  ask postgres -c "drop database if exists ${name}_restored" -c "create database ${name}_restored owner $name"
  pg_restore --no-owner --role="$name" -d "${name}_restored" "/tmp/$name.dump"
done
took restored
for name in "${databases[@]}"; do
  last=$(ask "${name}_restored" -c 'select coalesce(max(seq_id), 0) from events.mt_events')
  want=$(streams "$name" "$last") got=$(streams "${name}_restored" "$last")
  [[ $want == "$got" ]] || { echo "$name differs: $want, restored $got"; exit 1; }
  echo "$name: $got"
  ask postgres -c "drop database ${name}_restored"
done
took compared
