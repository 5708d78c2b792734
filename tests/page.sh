#!/usr/bin/env bash
# page.sh [--keep]: the page of the ops listener in headless Chromium, in every state that an operator meets, with
# axe-core looking at each; jeton top in tmux, at 80 × 24 and 200 × 50, under load and while the server starts
# again; and the colours and the progress of commands on a terminal, with none of it elsewhere. --keep leaves the
# pictures and captures in docs/looking, as the pages show them. JETON_BINARY names a binary that is built already.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"

work=$(mktemp -d)
cleanup() {
    rm -rf "$work"
}
trap cleanup EXIT
shown=$work
[[ ${1:-} != --keep ]] || shown=$PWD/docs/looking

install_chromium
install_strace
install_tmux
install_node_modules tests/page "$tools/page"
[[ -n ${JETON_BINARY:-} ]] || build_jeton
binary=${JETON_BINARY:-$PWD/target/release/jeton}

# Modules are looked for beside the script.
cp tests/page/*.mjs "$tools/page"
node "$tools/page/scenes.mjs" "$binary" /usr/bin/chromium "$shown"
node "$tools/page/top.mjs" "$binary" "$shown"
node "$tools/page/terminal.mjs" "$binary"
