#!/bin/sh
# What of the official image's entry point compose.yaml relies on: POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD_FILE.
set -eu
data=/var/lib/postgresql/data
chown postgres: "$data"
if [ ! -e "$data/PG_VERSION" ]; then
    setpriv --reuid=postgres --regid=postgres --clear-groups /usr/lib/postgresql/15/bin/initdb -D "$data" \
        --encoding=UTF8 --locale=C.UTF-8 --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth=scram-sha-256 --auth-local=trust >/dev/null
    echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
    echo "create database \"$POSTGRES_DB\"" | setpriv --reuid=postgres --regid=postgres --clear-groups \
        /usr/lib/postgresql/15/bin/postgres --single -D "$data" postgres >/dev/null 2>&1 || true
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups \
    /usr/lib/postgresql/15/bin/postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp
