#!/usr/bin/env bash
# Checks what lies in deploy/ without a cluster: promtool reads /metrics of a running server, the alert
# rules and the dashboard's expressions, and runs the rules against made-up series; kustomize renders the
# manifests, with and without TLS, and they and the compose file are held against their schemas; systemd
# reads the unit and rates it.
#
# The schemas come from package registries: Kubernetes' with kubernetes-validate (PyPI), ServiceMonitor's,
# Istio's, Envoy Gateway's and compose's from the Go modules of those who define them. JETON_BINARY names a binary that is built
# already.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"
operator_module=github.com/prometheus-operator/prometheus-operator@v0.85.0
compose_module=github.com/compose-spec/compose-go/v2@v2.16.2
istio_module=istio.io/api@v1.32.0
envoy_gateway_module=github.com/envoyproxy/gateway@v1.9.1
# Of ten: what systemd calls OK, and what the unit reaches at the time of writing.
worst_exposure=11
# Who connects to the agent is named by the kernel, so that it has no users of its own.
worst_agent_exposure=14

work=$(mktemp -d)
server=
cleanup() {
    [[ -z $server ]] || { kill "$server" && wait "$server" || true; }
    rm -rf "$work"
}
trap cleanup EXIT

module_dir() {
    go mod download -json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])'
}

check_metrics() {
    local binary=${JETON_BINARY:-$PWD/target/release/jeton} log=$work/log ops
    mkdir "$work/home"
    (cd "$work/home" && exec env JETON_GRPC_LISTEN=127.0.0.1:0 JETON_HTTP_LISTEN=127.0.0.1:0 \
        JETON_OPS_LISTEN=127.0.0.1:0 "$binary" serve --dev >/dev/null 2>"$log") &
    server=$!
    until grep --quiet '"message":"serving"' "$log"; do
        kill -0 "$server" || { cat "$log" >&2; return 1; }
    done
    ops=$(sed -n 's/.*"answering probes","ops":"\([^"]*\)".*/\1/p' "$log")
    curl --silent --fail "http://$ops/metrics" >"$work/metrics"
    promtool check metrics <"$work/metrics"
    printf 'metrics: %s families\n' "$(grep --count '^# TYPE' "$work/metrics")"
}

# As they are, and with every line that is commented out for a person to choose.
render_manifests() {
    cp -r deploy/kubernetes "$work/manifests"
    kustomize build "$work/manifests" >"$work/kubernetes.yaml"
    sed --in-place 's/^# \(components:\|  - tls\)$/\1/; s/^  # \(- service-monitor.yaml\)$/  \1/' \
        "$work/manifests/kustomization.yaml"
    kustomize build "$work/manifests" >"$work/kubernetes-tls.yaml"
    cp -r deploy/kubernetes "$work/reviewed"
    printf 'components: [reviews]\n' >>"$work/reviewed/kustomization.yaml"
    kustomize build "$work/reviewed" >"$work/kubernetes-reviews.yaml"
}

# The agent, on each node and in the pod of a service.
render_agents() {
    kustomize build deploy/kubernetes-agent >"$work/kubernetes-agent.yaml"
    mkdir "$work/service"
    cp -r deploy/kubernetes-sidecar "$work/service/kubernetes-sidecar"
    cp tests/deploy/service.yaml "$work/service/service.yaml"
    printf 'resources: [service.yaml]\ncomponents: [kubernetes-sidecar]\n' \
        >"$work/service/kustomization.yaml"
    kustomize build "$work/service" >"$work/kubernetes-sidecar.yaml"
}

# A client that shows the token of its service account.
render_client() {
    kustomize build deploy/kubernetes-client >"$work/kubernetes-client.yaml"
}

# check_unit NAME WORST-EXPOSURE
check_unit() {
    local unit=$work/$1.service
    # systemd looks for the program, which is not installed here.
    sed 's#/usr/local/bin/jeton#/bin/true#' "deploy/systemd/$1.service" >"$unit"
    systemd-analyze verify --man=no "$unit"
    systemd-analyze security --offline=true --threshold="$2" "$unit" | tail -n 1
}

# What the unit and the manifests tell the agent is what it takes: it says so itself.
check_agent_variables() {
    local binary=${JETON_BINARY:-$PWD/target/release/jeton} source
    printf 'a secret of the agent' >"$work/secret"
    # A JWT by its form alone.
    printf 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln' >"$work/token"
    sed -n 's/^Environment=//p' deploy/systemd/jeton-agent.service >"$work/jeton-agent.env"
    for source in "$work"/*.env; do
        # shellcheck disable=SC2046  # words, each a variable
        env $(sed "s#^JETON_ASSERTION_FILE=.*#JETON_ASSERTION_FILE=$work/token#
            s#JETON_CLIENT_SECRET_FILE=.*#JETON_CLIENT_SECRET_FILE=$work/secret#" "$source") "$binary" check agent
    done
}

install_promtool
install_kustomize
install_systemd
install_venv tests/deploy/requirements.txt "$tools/deploy/venv"
[[ -n ${JETON_BINARY:-} ]] || build_jeton

check_metrics
promtool check rules deploy/prometheus/alerts.yaml
(cd deploy/prometheus && promtool test rules alerts_test.yaml)
render_manifests
"$tools/deploy/venv/bin/python" tests/deploy/schemas.py \
    "$(module_dir "$operator_module")" "$(module_dir "$compose_module")" \
    "$work/kubernetes.yaml" "$work/kubernetes-tls.yaml" \
    "$work/kubernetes-reviews.yaml" "$work/dashboard.yaml"
render_agents
"$tools/deploy/venv/bin/python" tests/deploy/agent.py "$work/kubernetes-agent.yaml" \
    "$work/kubernetes-sidecar.yaml" "$work/kubernetes.yaml"
check_agent_variables
"$tools/deploy/venv/bin/python" tests/deploy/meshes.py \
    "$(module_dir "$istio_module")" "$(module_dir "$envoy_gateway_module")"
(cd tests/deploy/mesh && go run . "$OLDPWD/deploy/istio/mesh-config.yaml")
render_client
"$tools/deploy/venv/bin/python" tests/deploy/identity.py "$work/kubernetes-client.yaml" "$work/kubernetes.yaml"
"$tools/deploy/venv/bin/python" tests/deploy/cluster.py "$(module_dir "$compose_module")"
promtool check rules "$work/dashboard.yaml"
check_unit jeton "$worst_exposure"
check_unit jeton-agent "$worst_agent_exposure"
echo 'deploy: everything is as those who read it expect'
