# shellcheck shell=bash
# Sourced by the scripts one directory up: the tools that foreign clients need, at pinned versions,
# under target/tools. Each function is quick when its tool is already there.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
tools=$PWD/target/tools
grpcurl_version=v1.9.4

export PATH=$tools/bin:$PATH
export PYTHONDONTWRITEBYTECODE=1

# install_venv REQUIREMENTS VENV
install_venv() {
    local wanted=$1 venv=$2
    cmp --silent "$wanted" "$venv/requirements.txt" && return
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --no-deps --requirement "$wanted"
    "$venv/bin/pip" check
    cp "$wanted" "$venv/requirements.txt"
}

install_python() {
    install_venv tests/clients/requirements.txt "$tools/venv"
}

install_grpcurl() {
    [[ -x $tools/bin/grpcurl ]] &&
        go version -m "$tools/bin/grpcurl" | grep --quiet "grpcurl[[:space:]]$grpcurl_version" && return
    GOBIN=$tools/bin go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$grpcurl_version"
}

# At the versions of tests/clients/h2spec/go.mod.
install_h2spec() {
    GOBIN=$tools/bin go -C tests/clients/h2spec install tool
    command -v openssl >/dev/null && return
    apt-get update --quiet=2
    apt-get install --quiet=2 --yes --no-install-recommends openssl
}

install_strace() {
    command -v strace >/dev/null && return
    apt-get update --quiet=2
    apt-get install --quiet=2 --yes --no-install-recommends strace
}

# promtool as Debian ships it, without the server that comes with it.
install_promtool() {
    command -v promtool >/dev/null && return
    local fetched
    fetched=$(mktemp -d)
    # The user that apt fetches as must be able to write there.
    chmod 777 "$fetched"
    apt-get update --quiet=2
    (cd "$fetched" && apt-get download --quiet=2 prometheus && dpkg -x prometheus_*.deb .)
    install -D "$fetched/usr/bin/promtool" "$tools/bin/promtool"
    rm -rf "$fetched"
}

build_jeton() {
    cargo build --release --locked
}
