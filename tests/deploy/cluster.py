"""What lies in deploy/ for several instances, against the same schemas and rules as the rest.

cluster.py COMPOSE_GO: the source of that Go module, which has the schema of compose files.
"""

import json
import re
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
from schemas import DEPLOY, KUBERNETES, documents


def check_kubernetes() -> None:
    folder = DEPLOY / "kubernetes-cluster"
    resources = {}
    for path in sorted(folder.glob("*.yaml")):
        for resource in documents(path):
            resources[resource["kind"]] = resource
            if resource["kind"] != "Kustomization":
                for version in KUBERNETES:
                    kubernetes_validate.validate(resource, version, strict=True)
    listed = set(resources["Kustomization"]["resources"])
    assert listed == {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}, listed

    deployment = resources["Deployment"]["spec"]
    pod = deployment["template"]["spec"]
    [container] = pod["containers"]
    # One may go at a time, and the budget says so too.
    assert resources["PodDisruptionBudget"]["spec"]["minAvailable"] == deployment["replicas"] - 1
    # Both secrets are secrets: neither is in the settings.
    settings = resources["ConfigMap"]["data"]["jeton.toml"]
    assert "postgres://" not in settings and not re.search(r"^url", settings, re.MULTILINE)
    [url] = [variable for variable in container["env"] if variable["name"] == "JETON_STORE_URL"]
    assert "secretKeyRef" in url["valueFrom"]
    security = container["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["automountServiceAccountToken"] is False
    assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
    ports = {port["name"] for port in container["ports"]}
    targets = {port["targetPort"] for port in resources["Service"]["spec"]["ports"]}
    assert targets <= ports, targets
    print(f"kubernetes-cluster: {', '.join(resources)}")


def read_compose(compose_go: Path, path: str) -> dict:
    schema = json.loads((compose_go / "schema/compose-spec.json").read_text())
    [compose] = documents(DEPLOY / path)
    jsonschema.validators.validator_for(schema)(schema).validate(compose)
    return compose


def check_failover(compose_go: Path) -> None:
    services = read_compose(compose_go, "postgres-failover/compose.yaml")["services"]
    assert [services[name]["command"] for name in ("monitor", "n1")] == [["monitor"], ["node"]]
    # The others are nodes as the first one.
    assert all(services[name]["extends"] == {"service": "n1"} for name in ("n2", "n3"))
    for name, service in services.items():
        # Each is known to the others by its name, and keeps its data to itself.
        assert service["hostname"] == name, name
        assert service["volumes"] == [f"{name}:/var/lib/jeton-postgres"], name
    print("postgres-failover: valid")


def check_compose(compose_go: Path) -> None:
    compose = read_compose(compose_go, "compose-cluster/compose.yaml")
    service = compose["services"]["jeton"]
    for published in service["ports"]:
        _, first, last = re.fullmatch(r"127\.0\.0\.1:((\d+)-(\d+)):\d+", published).groups()
        assert int(last) - int(first) + 1 == service["deploy"]["replicas"], published
    print("compose-cluster: valid")


if __name__ == "__main__":
    check_kubernetes()
    check_compose(Path(sys.argv[1]))
    check_failover(Path(sys.argv[1]))
