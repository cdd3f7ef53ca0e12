-- Makes one service's roles and its database; everything inside the database is made by
-- `<program> migrate`. For psql, as superuser, connected to the database `postgres`:
--
--   psql -v service=order_service -f create_databases.sql
--
-- Variables: service = the service's role; database = the database's name if it is another one.
-- Environment: ORDER_SAGA_OWNER_PASSWORD, ORDER_SAGA_SERVICE_PASSWORD, ORDER_SAGA_RELAY_PASSWORD;
-- without them the roles keep the passwords they have, or have none.
-- Running it again changes nothing that is right already.
--
--   <service>_owner  owns the database and every table: for migrations only
--   <service>        what the program runs as: no DDL, no replication
--   <service>_relay  what the relay runs as: replication, and what `migrate` grants
\set ON_ERROR_STOP on
\if :{?database}
\else
  \set database :service
\endif
\set owner_password
\set service_password
\set relay_password
\getenv owner_password ORDER_SAGA_OWNER_PASSWORD
\getenv service_password ORDER_SAGA_SERVICE_PASSWORD
\getenv relay_password ORDER_SAGA_RELAY_PASSWORD

-- One at a time on this server: roles are shared, and two sessions cannot alter one at once.
SELECT pg_advisory_lock(hashtextextended('order-saga create_databases', 0)) \g /dev/null

SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY[:'service' || '_owner', :'service', :'service' || '_relay']) AS name
WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) \gexec

SELECT format('ALTER ROLE %I PASSWORD %L', name, password)
FROM (VALUES (:'service' || '_owner', :'owner_password'),
             (:'service', :'service_password'),
             (:'service' || '_relay', :'relay_password')) AS given (name, password)
WHERE password <> '' \gexec

SELECT format('ALTER ROLE %I REPLICATION', rolname) FROM pg_roles
WHERE rolname = :'service' || '_relay' AND NOT rolreplication \gexec

-- A session that hangs must not hold the rows of others for ever. A statement takes milliseconds, but
-- may wait for a lock: its limit is above lock_timeout, which tells that case, and as long as an idle
-- transaction's. A confirmed order must be on disk, whatever the server's default is. Every statement
-- goes by keys: a plan that was made while a table was empty must not read all of it later.
SELECT format('ALTER ROLE %I SET %s', :'service', setting)
FROM unnest(ARRAY['lock_timeout = ''10s''', 'statement_timeout = ''30s''',
                  'idle_in_transaction_session_timeout = ''30s''', 'synchronous_commit = ''on''',
                  'enable_seqscan = ''off''']) AS setting \gexec

SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'service' || '_owner')
WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = :'database') \gexec

SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'database') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I, %I', :'database', :'service',
              :'service' || '_relay') \gexec

-- Up to Postgres 14 everybody may make tables in every database's schema public, and only the superuser
-- owns it.
SELECT current_setting('server_version_num')::integer < 150000 AS public_is_open \gset
\if :public_is_open
\connect :database
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SELECT format('GRANT ALL ON SCHEMA public TO %I', :'service' || '_owner') \gexec
\endif
