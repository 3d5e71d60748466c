#!/usr/bin/env bash
# Build the image with buildah, without a daemon. Version and revision become its labels.
#   build.sh [TAG]        BASE=… another base image, ARCH=arm64 another platform (needs qemu-user-static here)
# A proxy's certificate for pip: PIP_CERT, as pip itself reads it.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
tag=${1:-localhost/imgfn:$version}
options=()
[ -n "${ARCH:-}" ] && options+=(--arch "$ARCH")
[ -n "${BASE:-}" ] && options+=(--build-arg "BASE=$BASE")
[ -n "${EXTRAS+set}" ] && options+=(--build-arg "EXTRAS=$EXTRAS")
if [ -n "${PIP_CERT:-}" ]; then
    conf=$(mktemp)
    trap 'rm -f "$conf"' EXIT
    chmod 644 "$conf"
    printf '[global]\ncert = /run/pip-ca.crt\n' >"$conf"
    options+=(--volume "$PIP_CERT:/run/pip-ca.crt:ro" --volume "$conf:/etc/pip.conf:ro")
fi
buildah bud --isolation "${BUILDAH_ISOLATION:-chroot}" --layers --format docker \
    --ignorefile deploy/oci/Dockerfile.dockerignore \
    --build-arg "VERSION=$version" \
    --build-arg "REVISION=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" \
    --build-arg "CREATED=$(date --utc +%Y-%m-%dT%H:%M:%SZ)" \
    "${options[@]}" --tag "$tag" --file deploy/oci/Dockerfile .
