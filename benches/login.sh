#!/usr/bin/env bash
# login.sh: whether the time of a refused login tells that there is such a user, and what a storm of
# logins does to the server. Reports, with numbers that belong to the machine they were taken on.
set -euo pipefail
# shellcheck source=../tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/../tests/tools.bash"

install_python
build_jeton
"$tools/venv/bin/python" tests/clients/login_timing.py
"$tools/venv/bin/python" tests/clients/login_storm.py
