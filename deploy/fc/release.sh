#!/usr/bin/env bash
# Versions and the alias `prod` of the function in s.yaml, by Serverless Devs. Prints each command before it runs it; with
# DRY=1 it only prints. FUNCTION is a resource of s.yaml (server).
#   release.sh publish             LATEST becomes a version; `s` prints its number
#   release.sh gray OLD NEW N      N % of the requests go to version NEW, the others to OLD
#   release.sh promote NEW         all go to NEW, and the provisioned instances with them
#   release.sh rollback OLD        all go to OLD
set -euo pipefail
cd "$(dirname "$0")"
function=${FUNCTION:-server} alias=${ALIAS:-prod} instances=${INSTANCES:-1}

run() {
    printf '+'
    printf ' %q' "$@"
    echo
    [ -n "${DRY:-}" ] || "$@"
}
number() { [[ $1 =~ ^[0-9]+$ ]] || { echo "release.sh: $2 wants a whole number, not '$1'" >&2; exit 2; }; }
all_to() { run s "$function" alias publish --alias-name "$alias" --version-id "$1" -t s.yaml; }

case "${1:-} $#" in
"publish 1")
    run s "$function" version publish --description "$(git rev-parse --short HEAD 2>/dev/null || echo imgfn)" -t s.yaml
    ;;
"gray 4")
    number "$2" OLD; number "$3" NEW; number "$4" N
    [ "$4" -ge 1 ] && [ "$4" -le 99 ] || { echo "release.sh: N is 1 to 99 %" >&2; exit 2; }
    run s "$function" alias publish --alias-name "$alias" --version-id "$2" \
        --vw "$(printf '{"%s":0.%02d}' "$3" "$4")" -t s.yaml
    ;;
"promote 2")
    number "$2" NEW
    all_to "$2"
    run s "$function" provision put --qualifier "$alias" --target "$instances" -t s.yaml
    ;;
"rollback 2")
    number "$2" OLD
    all_to "$2"
    ;;
*)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
    ;;
esac
