set -eu
settings="--config-file=/etc/order-saga/postgresql.conf --hba-file=/etc/order-saga/pg_hba.conf"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --username=postgres --encoding=UTF8 --locale=C.UTF-8 --auth=trust --no-instructions
fi
# What a killed pod left; nobody else has this volume.
rm -f "$PGDATA/postmaster.pid" /var/run/postgresql/.s.PGSQL.*
pg_ctl start --wait --silent --timeout=300 --options="$settings -c listen_addresses=''"
for service in order_service product_service customer_service kitchen_service; do
  psql -XAtq -U postgres -d postgres -v service=$service -f /etc/create-databases/create_databases.sql
done
pg_ctl stop --wait --silent --mode=fast
