#!/usr/bin/env bash
# Checks the public API in proto/: lint, format, and no breaking change since the last release.
# Needs npm (Node 20 or newer); buf itself is installed below target/tools, at a pinned version.
#
# proto/released.binpb is the API of the last release. A release renews it with
#   target/tools/buf/node_modules/.bin/buf build -o proto/released.binpb
set -euo pipefail
cd "$(dirname "$0")/.."

version=1.75.0
prefix=target/tools/buf
buf=$prefix/node_modules/.bin/buf
if [[ "$("$buf" --version 2>/dev/null)" != "$version" ]]; then
  npm install --silent --no-fund --no-audit --prefix "$prefix" "@bufbuild/buf@$version"
fi
"$buf" lint
"$buf" format --diff --exit-code
"$buf" breaking --against proto/released.binpb
echo "proto: lint, format and breaking are clean (buf $("$buf" --version))"
