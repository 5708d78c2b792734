# shellcheck shell=bash
# Sourced by the scripts beside it: the tools of others that they need, at pinned versions under
# target/tools, and the system's packages where those are missing. Each function is quick when its
# tool is there. Scripts may install side by side: what two of them need is installed by one.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
tools=$PWD/target/tools
buf_version=1.75.0
grpcurl_version=v1.9.4
kustomize_version=v5.8.1
keycloak_version=26.7.3
spire_version=v1.13.3
actionlint_version=v1.7.12
cargo_cyclonedx_version=0.5.7
protoc_gen_go=v1.36.11
protoc_gen_go_grpc=v1.6.0
maven_dependency_plugin=org.apache.maven.plugins:maven-dependency-plugin:3.8.1

export PATH=$tools/bin:$PATH:/usr/sbin
export PYTHONDONTWRITEBYTECODE=1
mkdir -p "$tools"

require() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { printf 'missing: %s\n' "$tool" >&2; return 1; }
    done
}

# alone COMMAND…: while no other script installs.
alone() {
    (
        flock 9
        "$@"
    ) 9>"$tools/lock"
}

fetch_packages() {
    if [[ $EUID != 0 ]]; then
        printf 'missing: %s, and only root can install packages\n' "$*" >&2
        return 1
    fi
    apt-get update --quiet=2
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "$@" >/dev/null
}

# install_packages FILE PACKAGE…: the system's packages, where there is no such file (a pattern).
install_packages() {
    compgen -G "$1" >/dev/null || alone fetch_packages "${@:2}"
    compgen -G "$1" >/dev/null
}

make_venv() {
    local wanted=$1 venv=$2
    cmp --silent "$wanted" "$venv/requirements.txt" && return
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --no-deps --requirement "$wanted"
    "$venv/bin/pip" check
    cp "$wanted" "$venv/requirements.txt"
}

# install_venv REQUIREMENTS VENV
install_venv() {
    alone make_venv "$@"
}

install_python() {
    install_venv tests/clients/requirements.txt "$tools/venv"
}

install_cyclonedx() {
    [[ -x $tools/bin/cargo-cyclonedx ]] ||
        alone cargo install --quiet --locked --no-track --root "$tools" --version "$cargo_cyclonedx_version" cargo-cyclonedx
}

# install_go_program MODULE@VERSION
install_go_program() {
    local name=${1%@*}
    # A module's path may end with its major version.
    [[ $name =~ /v[0-9]+$ ]] && name=${name%/*}
    name=$tools/bin/${name##*/}
    [[ -x $name ]] && go version -m "$name" | grep --quiet "[[:space:]]${1##*@}\([[:space:]]\|$\)" && return
    GOBIN=$tools/bin alone go install "$1"
}

install_grpcurl() {
    install_go_program "github.com/fullstorydev/grpcurl/cmd/grpcurl@$grpcurl_version"
}

install_kustomize() {
    install_go_program "sigs.k8s.io/kustomize/kustomize/v5@$kustomize_version"
}

install_actionlint() {
    install_go_program "github.com/rhysd/actionlint/cmd/actionlint@$actionlint_version"
}

install_protoc_plugins() {
    install_go_program "google.golang.org/protobuf/cmd/protoc-gen-go@$protoc_gen_go"
    install_go_program "google.golang.org/grpc/cmd/protoc-gen-go-grpc@$protoc_gen_go_grpc"
}

# At the versions of tests/clients/h2spec/go.mod.
install_h2spec() {
    GOBIN=$tools/bin alone go -C tests/clients/h2spec install tool
    install_packages /usr/bin/openssl openssl
}

# promtool as Debian ships it, without the server that comes with it.
fetch_promtool() {
    local fetched
    fetched=$(mktemp -d)
    # The user that apt fetches as must be able to write there.
    chmod 777 "$fetched"
    apt-get update --quiet=2
    (cd "$fetched" && apt-get download --quiet=2 prometheus && dpkg -x prometheus_*.deb .)
    install -D "$fetched/usr/bin/promtool" "$tools/bin/promtool"
    rm -rf "$fetched"
}

install_promtool() {
    command -v promtool >/dev/null || alone fetch_promtool
}

fetch_buf() {
    [[ "$("$tools/buf/node_modules/.bin/buf" --version 2>/dev/null)" == "$buf_version" ]] ||
        npm install --silent --no-fund --no-audit --prefix "$tools/buf" "@bufbuild/buf@$buf_version"
}

install_buf() {
    alone fetch_buf
}

fetch_node_modules() {
    local wanted=$1 installed=$2
    mkdir -p "$installed"
    cp "$wanted/package.json" "$installed"
    cmp --silent "$wanted/package-lock.json" "$installed/node_modules/installed.json" && return
    cp "$wanted/package-lock.json" "$installed"
    npm ci --prefix "$installed" --silent --no-fund --no-audit
    cp "$wanted/package-lock.json" "$installed/node_modules/installed.json"
}

# install_node_modules DIRECTORY TO: what the lock file in DIRECTORY names.
install_node_modules() {
    alone fetch_node_modules "$@"
}

install_man() {
    install_packages /usr/bin/man man-db
}

install_strace() {
    install_packages /usr/bin/strace strace
}

install_systemd() {
    install_packages /usr/bin/systemd-analyze systemd
}

# A browser without a screen of its own.
install_chromium() {
    install_packages /usr/bin/chromium chromium fonts-dejavu-core
}

install_tmux() {
    install_packages /usr/bin/tmux tmux
}

install_java() {
    install_packages /usr/bin/java default-jdk-headless
}

install_maven() {
    install_packages /usr/bin/mvn maven
}

# protoc and the gRPC of C++.
install_cpp() {
    install_packages /usr/include/grpcpp protobuf-compiler protobuf-compiler-grpc libgrpc++-dev \
        libprotobuf-dev pkg-config
}

# The proxies of deploy/ that Debian has, and what HAProxy asks with.
install_proxies() {
    install_packages /usr/sbin/nginx nginx
    install_packages /usr/sbin/haproxy haproxy
    install_packages /usr/sbin/apache2 apache2
    install_packages /usr/share/lua/5.3/socket/http.lua lua-socket
    install_venv tests/proxies/requirements.txt "$tools/proxies"
}

# OpenBao, an issuer of tokens.
install_issuers() {
    install_venv tests/issuers/requirements.txt "$tools/issuers"
}

# At the version of tests/kubernetes/go.mod, without the symbols.
build_kube_apiserver() {
    local version program=$tools/bin/kube-apiserver
    version=$(go -C tests/kubernetes list -m -f '{{.Version}}' k8s.io/kubernetes)
    [[ "$("$program" --version 2>/dev/null)" != "Kubernetes $version" ]] || return 0
    CGO_ENABLED=0 go -C tests/kubernetes build -trimpath -o "$program" \
        -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version" .
}

install_kube_apiserver() {
    alone build_kube_apiserver
}

# No version of it is listed, so that Go takes it as a directory alone.
build_spire() {
    local source
    [[ "$(cat "$tools/bin/spire.version" 2>/dev/null)" != "$spire_version" ]] || return 0
    source=$(go mod download -json "github.com/spiffe/spire@$spire_version" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
    CGO_ENABLED=1 nice -n 19 go -C "$source" build -mod=readonly -trimpath -ldflags '-s -w' -o "$tools/bin/" \
        ./cmd/spire-server ./cmd/spire-agent
    printf '%s\n' "$spire_version" >"$tools/bin/spire.version"
}

# SPIRE, and a workload that has SVIDs of it.
install_spire() {
    alone build_spire
    cargo build --quiet --locked --manifest-path tests/spire/Cargo.toml --target-dir "$tools/workload"
}

# copy_jars POM TO: what the file names, with what that needs.
copy_jars() {
    local wanted=$1 to=$2
    cmp --silent "$wanted" "$to/pom.xml" && return
    rm -rf "$to"
    mvn --quiet --batch-mode --file "$wanted" "$maven_dependency_plugin:copy-dependencies" -DoutputDirectory="$to"
    cp "$wanted" "$to/pom.xml"
}

# protoc and its plugin for Java, at the versions of examples/java.
copy_protoc() {
    local to=$1 version artifact group property name system=linux-x86_64
    [[ $(uname -m) != aarch64 ]] || system=linux-aarch_64
    for name in protoc:com.google.protobuf:protobuf protoc-gen-grpc-java:io.grpc:grpc; do
        IFS=: read -r artifact group property <<<"$name"
        version=$(sed -n "s/.*<$property.version>\(.*\)<.*/\1/p" examples/java/pom.xml)
        [[ "$(cat "$to/$artifact.version" 2>/dev/null)" != "$version" ]] || continue
        mvn --quiet --batch-mode "$maven_dependency_plugin:copy" -DoutputDirectory="$to" \
            -Dartifact="$group:$artifact:$version:exe:$system" -Dmdep.useBaseVersion=true
        install "$to/$artifact-$version-$system.exe" "$to/bin/$artifact"
        printf '%s\n' "$version" >"$to/$artifact.version"
    done
}

# The libraries that the file of examples/java names, in target/libraries beside a copy of it.
copy_stub_jars() {
    local to=$1
    cmp --silent examples/java/pom.xml "$to/target/pom.xml" && return
    rm -rf "$to"
    mkdir -p "$to"
    cp examples/java/pom.xml "$to"
    mvn --quiet --batch-mode --file "$to/pom.xml" "$maven_dependency_plugin:copy-dependencies"
    cp examples/java/pom.xml "$to/target"
}

# The plugins of buf.gen.yaml, and what their stubs need.
install_stub_plugins() {
    install_buf
    install_protoc_plugins
    install_packages /usr/bin/grpc_python_plugin protobuf-compiler-grpc
    install_java
    install_maven
    mkdir -p "$tools/stubs/bin"
    alone copy_protoc "$tools/stubs"
    install_node_modules tests/stubs "$tools/stubs"
    install_venv examples/python/requirements.txt "$tools/examples/python"
    alone copy_stub_jars "$tools/stubs/java"
}

# The libraries of Java that tests/http tries.
install_jars() {
    install_java
    install_maven
    alone copy_jars tests/http/java/pom.xml "$tools/http/java"
}

# Those that are no library of Python, Go or Node.
install_jwt_verifiers() {
    install_packages /usr/sbin/apache2 apache2
    install_packages /usr/lib/apache2/modules/mod_oauth2.so libapache2-mod-oauth2
    install_venv tests/jwt/requirements.txt "$tools/jwt/venv"
    install_java
    install_maven
    alone copy_jars tests/jwt/spring/pom.xml "$tools/jwt/spring"
}

# The newest PostgreSQL that the system's packages have, without a cluster of its own.
install_postgres() {
    [[ $EUID != 0 ]] || install -D --mode 644 /dev/stdin /etc/postgresql-common/createcluster.conf \
        <<<'create_main_cluster = false'
    install_packages '/usr/lib/postgresql/*/bin/initdb' postgresql
}

install_auto_failover() {
    install_packages /usr/bin/pg_autoctl pg-auto-failover-cli
    install_packages '/usr/lib/postgresql/15/lib/pgautofailover.so' postgresql-15-auto-failover
}

# The programs of a newer PostgreSQL than Debian's, as a package of Python.
install_newer_postgres() {
    install_venv tests/postgres/requirements.txt "$tools/postgres"
}

install_pgbouncer() {
    install_packages /usr/sbin/pgbouncer pgbouncer
}

# Prints where the library is that gives a process a clock of its own.
install_faketime() {
    local library='/usr/lib/*/faketime/libfaketime.so.1'
    install_packages "$library" libfaketime
    compgen -G "$library"
}

# Everything that the scripts install.
install_all() {
    install_python
    install_grpcurl
    install_kustomize
    install_actionlint
    install_protoc_plugins
    install_h2spec
    install_promtool
    install_buf
    install_strace
    install_systemd
    install_man
    install_chromium
    install_tmux
    install_java
    install_maven
    install_cpp
    install_proxies
    install_issuers
    install_postgres
    install_auto_failover
    install_newer_postgres
    install_pgbouncer
    install_faketime
    install_venv tests/http/requirements.txt "$tools/http/venv"
    install_node_modules tests/http/node "$tools/http/node"
    install_node_modules tests/page "$tools/page"
    install_jars
    install_jwt_verifiers
    install_venv tests/deploy/requirements.txt "$tools/deploy/venv"
    install_venv tests/keep_alive/requirements.txt "$tools/keep_alive"
    install_venv tests/examples/requirements.txt "$tools/examples/protoc"
    install_venv examples/python/requirements.txt "$tools/examples/python"
    install_node_modules examples/node "$tools/examples/node"
    install_stub_plugins
}

build_jeton() {
    cargo build --release --locked
}

fetch_keycloak() {
    [[ -x $tools/keycloak/bin/kc.sh ]] && [[ "$(cat "$tools/keycloak/version" 2>/dev/null)" == "$keycloak_version" ]] &&
        return
    local fetched=$tools/keycloak-fetched
    rm -rf "$fetched" "$tools/keycloak"
    mvn --quiet --batch-mode "$maven_dependency_plugin:copy" \
        -Dartifact="org.keycloak:keycloak-quarkus-dist:$keycloak_version:zip" -DoutputDirectory="$fetched"
    python3 -m zipfile -e "$fetched/keycloak-quarkus-dist-$keycloak_version.zip" "$fetched"
    mv "$fetched/keycloak-$keycloak_version" "$tools/keycloak"
    chmod +x "$tools"/keycloak/bin/*.sh
    # Once for all runs: with a database of files and without a cluster.
    nice -n 19 "$tools/keycloak/bin/kc.sh" build --db=dev-file --cache=local >"$tools/keycloak/build.log"
    echo "$keycloak_version" >"$tools/keycloak/version"
    rm -rf "$fetched"
}

# From Maven Central.
install_keycloak() {
    require java mvn
    alone fetch_keycloak
}
