"""What lies in deploy/, against the schemas of those who read it, without a network.

    schemas.py PROMETHEUS_OPERATOR COMPOSE_GO RULES

The first two are the sources of those Go modules: the ServiceMonitor's custom resource definition and
the schema of compose files are in them. Kubernetes' own schemas come with kubernetes-validate. RULES is
written: every expression of the Grafana dashboard as a recording rule, for promtool to read.
"""

import copy
import json
import re
import sys
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


def check_kubernetes(operator: Path) -> None:
    folder = DEPLOY / "kubernetes"
    custom = jsonschema.Draft202012Validator(custom_schema(operator))
    kinds = []
    for path in sorted(folder.glob("*.yaml")):
        for resource in documents(path):
            kinds.append(resource["kind"])
            if resource["kind"] == "Kustomization":
                listed = set(resource["resources"])
            elif resource["kind"] == "ServiceMonitor":
                custom.validate(resource)
            else:
                for version in KUBERNETES:
                    kubernetes_validate.validate(resource, version, strict=True)
    # Listed are all that are there; the one for the operator is commented out.
    there = {path.name for path in folder.glob("*.yaml")}
    assert listed == there - {"kustomization.yaml", "service-monitor.yaml"}, listed
    print(f"kubernetes: {len(kinds)} documents for {' and '.join(KUBERNETES)}: {', '.join(kinds)}")


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


def check_hardening() -> None:
    """What no schema asks for and an auditor does."""
    [workload] = documents(DEPLOY / "kubernetes/stateful-set.yaml")
    pod = workload["spec"]["template"]["spec"]
    [container] = pod["containers"]
    security = container["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert pod["automountServiceAccountToken"] is False
    assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    # The grace covers the drain of the settings and the 30 s that the last sync may take.
    [settings] = documents(DEPLOY / "kubernetes/config-map.yaml")
    drain = re.findall(r'drain_(?:delay|timeout) = "(\d+)s"', settings["data"]["jeton.toml"])
    assert len(drain) == 2 and pod["terminationGracePeriodSeconds"] >= sum(map(int, drain)) + 30
    # Each named port is one of the container's.
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert container["readinessProbe"]["grpc"]["port"] == ports["ops"]
    targets = {
        port["targetPort"]
        for service in documents(DEPLOY / "kubernetes/service.yaml")
        for port in service["spec"]["ports"]
    }
    assert targets <= ports.keys(), targets
    print("kubernetes: non-root, read-only root, no privileges, grace covers the drain")


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
    operator, compose_go, rules = map(Path, sys.argv[1:])
    check_kubernetes(operator)
    check_that_mistakes_are_found(operator)
    check_hardening()
    check_compose(compose_go)
    write_dashboard_rules(rules)
