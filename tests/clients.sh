#!/usr/bin/env bash
# Runs clients that know jeton only from the outside against the release binary: grpcurl, a Python
# client written from reflection, the health protocol, h2spec, promtool, the commands. Arguments go to
# pytest.
#
# grpc_health_probe is used where it is on the PATH (or named by GRPC_HEALTH_PROBE).
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"

install_python
install_grpcurl
install_h2spec
install_promtool
build_jeton
exec "$tools/venv/bin/pytest" -p no:cacheprovider tests/clients "$@"
