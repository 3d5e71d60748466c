#!/usr/bin/env bash
# Make a Debian base image from Debian's packages alone, like docker.io/library/debian:<suite>-slim, where no registry
# can be reached. Needs root, mmdebstrap and podman.
#   base.sh bookworm localhost/debian:bookworm-slim
set -euo pipefail
suite=${1:-bookworm} tag=${2:-localhost/debian:${1:-bookworm}-slim}
tar=$(mktemp --suffix=.tar)
trap 'rm -f "$tar"' EXIT
# The options are those of the official slim images: no manuals, no package caches (80 to 96 MB in each layer).
mmdebstrap --quiet --variant=minbase --include=usr-is-merged --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook='printf %s\\n '\''Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";'\'' '\''APT::Keep-Downloaded-Packages "false"; Acquire::Languages "none";'\'' >"$1/etc/apt/apt.conf.d/docker-clean"' \
    --customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/log/* "$1/etc/hostname" "$1/etc/resolv.conf"' \
    "$suite" "$tar"
podman import --quiet --change 'CMD ["bash"]' \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$tar" "$tag"
