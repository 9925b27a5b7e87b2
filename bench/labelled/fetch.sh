#!/bin/sh
# Fetches what others have labelled into the folder given, with the ordinary clients of PyPI and of Go modules, and prints it as JSON lines.
# The second argument may hold clones of presidio, presidio-research and detect-secrets: their tests are in no package.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
packages=$1
checkouts=${2:-$packages/checkouts}
mkdir -p "$packages/site"
pip() { python3 -m pip --quiet --disable-pip-version-check "$@" 1>&2; }
if [ ! -e "$packages/fetched" ]; then
  pip install --root-user-action ignore --no-deps --target "$packages/site" -r "$here/packages.txt"
  # Their texts are only in what they are built from.
  pip download --no-deps --no-binary :all: --dest "$packages" presidio-evaluator==0.3.2 python-stdnum==2.2
  for archive in "$packages"/*.tar.gz; do tar -x -z -f "$archive" -C "$packages"; done
  if command -v go >/dev/null; then
    (cd "$packages" && go mod download -json github.com/zricethezav/gitleaks/v8@v8.30.1 >module.json)
    cp -r "$(sed -n 's/.*"Dir": "\(.*\)".*/\1/p' "$packages/module.json")" "$packages/gitleaks"
    chmod -R u+w "$packages/gitleaks"
    cp "$here/gitleaks.go" "$packages/gitleaks/cmd/generate/config/utils/validate.go"
    rm -f "$packages/samples.jsonl"
    (cd "$packages/gitleaks/cmd/generate/config" && AEGIS_SAMPLES="$packages/samples.jsonl" go run . "$packages/rules.toml" 1>&2)
  fi
  touch "$packages/fetched"
fi
exec python3 "$here/extract.py" "$packages" "$checkouts"
