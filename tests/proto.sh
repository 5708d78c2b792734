#!/usr/bin/env bash
# Checks the public API in proto/: lint, format, and no breaking change since the last release.
# Needs npm (Node 20 or newer); buf itself is installed below target/tools, at a pinned version.
#
# proto/released.binpb is the API of the last release. A release renews it with
#   target/tools/buf/node_modules/.bin/buf build -o proto/released.binpb
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"

install_buf
buf=$tools/buf/node_modules/.bin/buf
"$buf" lint
"$buf" format --diff --exit-code
"$buf" breaking --against proto/released.binpb
echo "proto: lint, format and breaking are clean (buf $("$buf" --version))"
