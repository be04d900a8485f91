# Starts PostgreSQL with the roles and databases that the passwords name; the same at every start.
set -euo pipefail
PATH=$PATH:/usr/lib/postgresql/15/bin
# Beside `data`: there the official image declares a volume of its own, which would hide the claim and die with the pod.
export PGDATA=/var/lib/postgresql/platform PGHOST=/run/postgresql
if [[ -e /var/lib/postgresql/data/PG_VERSION && ! -e $PGDATA ]]; then mv /var/lib/postgresql/data "$PGDATA"; fi # where earlier versions had it
# The kubelet opens a volume to the pod's group on each mount (fsGroup); PostgreSQL starts with no folder that others may enter.
if [[ -d $PGDATA ]]; then chmod 0700 "$PGDATA"; fi
options=(-c "max_connections=$MAX_CONNECTIONS" -c unix_socket_directories=/run/postgresql -c jit=off)
if [[ ! -e $PGDATA/PG_VERSION ]]; then
  initdb --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C --username=postgres
  printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
fi
pg_ctl start --wait --options="-c listen_addresses= -c unix_socket_directories=/run/postgresql"
for file in /etc/platform/passwords/*; do
  role=${file##*/}
  password=$(<"$file")
  psql -q -v ON_ERROR_STOP=1 -v role="$role" -v password="$password" -U postgres postgres <<'SQL'
select format('create role %I login', :'role') where not exists (select from pg_roles where rolname = :'role') \gexec
select format('alter role %I password %L', :'role', :'password') \gexec
select format('create database %I owner %I', :'role', :'role') where not exists (select from pg_database where datname = :'role') \gexec
select format('revoke all on database %I from public', :'role') \gexec
SQL
done
pg_ctl stop --wait --mode=fast
exec postgres -c listen_addresses='*' "${options[@]}"
