"""What lies in deploy/, against the schemas of those who read it, without a network; and what the
Dockerfile says against what the others expect of its image.

    schemas.py PROMETHEUS_OPERATOR COMPOSE_GO PLAIN TLS REVIEWS RULES

The first two are the sources of those Go modules: the ServiceMonitor's custom resource definition and
the schema of compose files are in them. Kubernetes' own schemas come with kubernetes-validate. PLAIN and
TLS are what kustomize makes of the manifests, as they are and with TLS and the ServiceMonitor; REVIEWS with
the component of token reviews.
RULES is written: every expression of the Grafana dashboard as a recording rule, for promtool to read.
"""

import copy
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
# The releases that the manifests are for: an older one, and the newest that there are schemas of.
KUBERNETES = ["1.34", "1.37"]


class Unique(yaml.SafeLoader):
    """Refuses a key that is given twice, which YAML forbids and PyYAML lets pass."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        assert not twice, f"{node.start_mark}: given twice: {twice}"
        return super().construct_mapping(node, deep)


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.load_all(path.read_text(), Unique) if document]


def closed(schema: Any) -> Any:
    """The same schema, which knows no fields but its own: a misspelt one is an error."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(value) for key, value in schema.items()}
    if "properties" in schema and "additionalProperties" not in schema:
        schema["additionalProperties"] = False
    return schema


def custom_schema(operator: Path) -> dict[str, Any]:
    """What the API server checks a ServiceMonitor with. The types of metadata are Kubernetes' own."""
    definitions = operator / "example/prometheus-operator-crd"
    [definition] = documents(definitions / "monitoring.coreos.com_servicemonitors.yaml")
    [version] = [v for v in definition["spec"]["versions"] if v["name"] == "v1"]
    schema = closed(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


def check_kubernetes(operator: Path, rendered: Path) -> None:
    custom = jsonschema.Draft202012Validator(custom_schema(operator))
    kinds = []
    for resource in documents(rendered):
        kinds.append(resource["kind"])
        if resource["kind"] == "ServiceMonitor":
            custom.validate(resource)
        else:
            for version in KUBERNETES:
                kubernetes_validate.validate(resource, version, strict=True)
    print(f"{rendered.stem}: valid for {' and '.join(KUBERNETES)}: {', '.join(kinds)}")


def check_that_nothing_is_left_out(plain: Path, tls: Path) -> None:
    """Every resource in the folder is in one of the two, and the second has more."""
    there = [
        resource["kind"]
        for path in (DEPLOY / "kubernetes").glob("*.yaml")
        for resource in documents(path)
        if resource["kind"] != "Kustomization"
    ]
    rendered = [resource["kind"] for resource in documents(tls)]
    assert sorted(rendered) == sorted(there), rendered
    assert "ServiceMonitor" not in [resource["kind"] for resource in documents(plain)]


def one(rendered: Path, kind: str, name: str = "jeton") -> dict[str, Any]:
    [resource] = [
        resource
        for resource in documents(rendered)
        if (resource["kind"], resource["metadata"]["name"]) == (kind, name)
    ]
    return resource


def check_that_mistakes_are_found(operator: Path) -> None:
    """The checks above are worth something only if they refuse something."""
    [workload] = documents(DEPLOY / "kubernetes/stateful-set.yaml")
    misspelt = copy.deepcopy(workload)
    container = misspelt["spec"]["template"]["spec"]["containers"][0]
    container["securityContext"]["readOnlyRootFileSystem"] = True
    refuse(lambda: kubernetes_validate.validate(misspelt, KUBERNETES[-1], strict=True))
    [monitor] = documents(DEPLOY / "kubernetes/service-monitor.yaml")
    monitor["spec"]["endpoints"][0]["intervall"] = "15s"
    refuse(lambda: jsonschema.Draft202012Validator(custom_schema(operator)).validate(monitor))


def refuse(validate: Any) -> None:
    try:
        validate()
    except jsonschema.ValidationError:
        return
    raise AssertionError("a misspelt field was not found")


def check_hardening(rendered: Path) -> None:
    """What no schema asks for and an auditor does."""
    pod = one(rendered, "StatefulSet")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    security = container["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert pod["automountServiceAccountToken"] is False
    assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    # The grace covers the drain of the settings and the 30 s that the last sync may take.
    settings = one(rendered, "ConfigMap")
    drain = re.findall(r'drain_(?:delay|timeout) = "(\d+)s"', settings["data"]["jeton.toml"])
    assert len(drain) == 2 and pod["terminationGracePeriodSeconds"] >= sum(map(int, drain)) + 30
    # Probes ask the listener that never has TLS; each named port is one of the container's.
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert container["readinessProbe"]["grpc"]["port"] == ports["ops"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "ops"}
    targets = {
        port["targetPort"]
        for name in ("jeton", "jeton-headless")
        for port in one(rendered, "Service", name)["spec"]["ports"]
    }
    assert targets <= ports.keys(), targets
    print(f"{rendered.stem}: non-root, read-only root, no privileges, grace covers the drain")


def check_reviews(rendered: Path) -> None:
    """The account of the pod may have tokens reviewed, shows a token of its own, and reaches the API server."""
    pod = one(rendered, "StatefulSet")["spec"]["template"]["spec"]
    account = one(rendered, "ServiceAccount")["metadata"]
    binding = one(rendered, "ClusterRoleBinding", "jeton-token-reviews")
    assert binding["roleRef"]["name"] == "system:auth-delegator"
    [subject] = binding["subjects"]
    assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])
    assert pod["serviceAccountName"] == account["name"]
    [container] = pod["containers"]
    assert {"api-access", "data"} <= {mount["name"] for mount in container["volumeMounts"]}, "what was there stays"
    [volume] = [volume for volume in pod["volumes"] if volume["name"] == "api-access"]
    token = volume["projected"]["sources"][0]["serviceAccountToken"]
    assert "audience" not in token, "it is for the API server"
    ports = {port["port"] for rule in one(rendered, "NetworkPolicy")["spec"]["egress"] for port in rule["ports"]}
    assert ports == {443, 6443, 53}, ports


def check_tls(rendered: Path) -> None:
    """The certificate is where the settings look for it, and there is no way around it."""
    pod = one(rendered, "StatefulSet")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    environment = {variable["name"]: variable["value"] for variable in container["env"]}
    assert environment["JETON_ALLOW_PLAINTEXT"] == "false"
    assert environment["JETON_GRPC_LISTEN"] == "0.0.0.0:50051", "what was there stays"
    [mount] = [mount for mount in container["volumeMounts"] if mount["name"] == "tls"]
    assert mount["readOnly"] and "subPath" not in mount, "it would never change"
    # The names that a Secret of type kubernetes.io/tls has.
    for variable, file in (("JETON_TLS_CERT", "tls.crt"), ("JETON_TLS_KEY", "tls.key")):
        assert environment[variable] == f"{mount['mountPath']}/{file}"
    [volume] = [volume for volume in pod["volumes"] if volume["name"] == "tls"]
    assert volume["secret"] == {"secretName": "jeton-tls", "defaultMode": 0o440}
    ports = one(rendered, "Service")["spec"]["ports"]
    assert {(port["targetPort"], port["appProtocol"]) for port in ports} == {
        ("grpc", "https"),
        ("http", "https"),
    }
    print(f"{rendered.stem}: gRPC and HTTP have the Secret's certificate")


def check_image() -> None:
    """The last stage of the Dockerfile makes what the documentation says: nobody builds it here."""
    text = (DEPLOY.parent / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and line[0] != "#"]
    last = max(at for at, (word, _) in enumerate(lines) if word == "FROM")
    assert lines[last] == ["FROM", "scratch"], "no shell, no C library"
    stage: dict[str, list[str]] = {}
    for word, rest in lines[last + 1 :]:
        stage.setdefault(word, []).append(rest)
    assert "RUN" not in stage and "ADD" not in stage
    [user] = stage["USER"]
    uid, gid = map(int, user.split(":"))
    assert uid > 0 and gid > 0
    # What it runs as owns the data directory and nothing else.
    program, data = stage["COPY"]
    assert "--chown" not in program and f"--chown={user} " in data
    assert stage["ENTRYPOINT"] == ['["/jeton"]'] and stage["CMD"] == ['["serve"]']
    [health] = stage["HEALTHCHECK"]
    assert json.loads(health.partition("CMD")[2])[:2] == ["/jeton", "health"]
    # The ports are those of the listeners' settings and those that the others expect.
    [environment] = stage["ENV"]
    listens = re.findall(r"JETON_(?:GRPC|HTTP|OPS)_LISTEN=0\.0\.0\.0:(\d+)", environment)
    [compose] = documents(DEPLOY / "compose/compose.yaml")
    published = [port.rpartition(":")[2] for port in compose["services"]["jeton"]["ports"]]
    assert stage["EXPOSE"] == [" ".join(listens)] and published == listens
    assert compose["services"]["jeton"]["user"] == user
    # Everything that the build copies is let through, and the compiler is new enough.
    context = (DEPLOY.parent / ".dockerignore").read_text().splitlines()
    assert {"!Cargo.toml", "!Cargo.lock", "!build", "!build.rs", "!proto", "!src"} <= set(context)
    [compiler] = re.findall(r"FROM rust:(\d+\.\d+)-alpine AS build", text)
    manifest = tomllib.loads((DEPLOY.parent / "Cargo.toml").read_text())
    oldest = manifest["package"]["rust-version"]
    assert [*map(int, compiler.split("."))] >= [*map(int, oldest.split("."))]
    print(f"image: one program as {user} in an empty root file system, Rust {compiler}")


def check_compose(compose_go: Path) -> None:
    schema = json.loads((compose_go / "schema/compose-spec.json").read_text())
    [compose] = documents(DEPLOY / "compose/compose.yaml")
    jsonschema.validators.validator_for(schema)(schema).validate(compose)
    for volume in compose["services"]["jeton"]["volumes"]:
        source = volume.split(":")[0]
        there = DEPLOY / "compose" / source
        assert there.exists() if source.startswith(".") else source in compose["volumes"], source
    print("compose: valid")


def write_dashboard_rules(path: Path) -> None:
    """Grafana's variables are filled in the way Grafana does."""
    dashboard = json.loads((DEPLOY / "grafana/jeton.json").read_text())
    expressions = [
        target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])
    ]
    assert expressions
    filled = [
        expression.replace("$__rate_interval", "5m")
        .replace("$__interval", "1m")
        .replace("$instance", ".*")
        for expression in expressions
    ]
    rules = [{"record": f"dashboard:{n}", "expr": text} for n, text in enumerate(filled)]
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)), "two panels share an id"
    print(f"grafana: {len(expressions)} expressions")


if __name__ == "__main__":
    operator, compose_go, plain, tls, reviews, rules = map(Path, sys.argv[1:])
    for rendered in (plain, tls, reviews):
        check_kubernetes(operator, rendered)
        check_hardening(rendered)
    check_that_nothing_is_left_out(plain, tls)
    check_that_mistakes_are_found(operator)
    check_tls(tls)
    check_reviews(reviews)
    check_image()
    check_compose(compose_go)
    write_dashboard_rules(rules)
