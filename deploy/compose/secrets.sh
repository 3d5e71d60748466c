#!/usr/bin/env bash
# Make the secrets that compose.yaml mounts, each once: ./secrets.sh
# The folder is for its owner alone. The files in it are readable, since the containers run under other users.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p -m 700 secrets
make() { [ -e "secrets/$1" ] || { printf %s "$2" >"secrets/$1"; chmod 644 "secrets/$1"; }; }
random() { head -c 1000 /dev/urandom | LC_ALL=C tr -dc a-z0-9 | cut -c "1-$1"; }
make s3_access_key "imgfn-$(random 8)"
make s3_secret_key "$(random 40)"
make upload_token "$(random 40)"
make admin_token "$(random 40)"
make flow_secret "$(random 40)"
make postgres_password "$(random 40)"
make flows_url "postgresql://imgfn:$(cat secrets/postgres_password)@postgres:5432/imgfn"
