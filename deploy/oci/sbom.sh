#!/usr/bin/env bash
# What is in the image, as CycloneDX JSON: its Python packages and its Debian packages.
#   sbom.sh [TAG] [FILE]      needs podman, and cyclonedx-bom from PyPI (it is in imgfn[test])
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
tag=${1:-localhost/imgfn:$version} file=${2:-dist/imgfn-$version.cdx.json}
python=.venv/bin/python
[ -x "$python" ] || python=python3
mkdir -p "$(dirname "$file")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
inside() { podman run --rm --network=none --entrypoint "$1" "$tag" "${@:2}"; }
inside python3 -c "from importlib.metadata import distributions as d
print(*sorted(p.metadata['Name'] + '==' + p.version for p in d()), sep='\n')" >"$work/requirements.txt"
inside dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\n' >"$work/debian.tsv"
"$python" -m cyclonedx_py requirements "$work/requirements.txt" --output-format JSON --output-file "$work/python.json" --validate
"$python" - "$work/python.json" "$work/debian.tsv" "$version" >"$file" <<'PYTHON'
import json
import sys

document = json.load(open(sys.argv[1], encoding="utf-8"))
document.setdefault("metadata", {})["component"] = {
    "type": "container", "name": "imgfn", "version": sys.argv[3], "bom-ref": "imgfn"
}
for line in open(sys.argv[2], encoding="utf-8"):
    name, version, arch = line.rstrip("\n").split("\t")
    purl = f"pkg:deb/debian/{name}@{version}?arch={arch}"
    document["components"].append({"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl})
json.dump(document, sys.stdout, indent=1)
PYTHON
echo "$file: $(grep -c '"purl"' "$file") packages"
