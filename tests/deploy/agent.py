"""The agent's manifests, against the same schemas and rules as the rest; and its variables, for the agent to read.

agent.py DAEMON-SET SIDECAR SERVER: what kustomize makes of them. Beside each a file of the same name, and `.env`, is
written, with the variables of its agent, one a line.
"""

import sys
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
from schemas import KUBERNETES, documents


def check_agent(
    rendered: Path, pod: dict[str, Any], container: dict[str, Any], issuer: str
) -> None:
    """What no schema asks for, and that what is named is there."""
    for name in ("secretKeyRef", "secretRef", "secretName", "kind: Secret"):
        assert name not in rendered.read_text(), name
    [token] = [
        source["serviceAccountToken"]
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
    ]
    assert token["audience"] == issuer, "the token is for the server and for nobody else"
    assert token["expirationSeconds"] == 600, "as short as the kubelet makes them"
    security = {**pod.get("securityContext", {}), **container["securityContext"]}
    assert security["runAsNonRoot"] and security["runAsUser"] > 0
    assert security["seccompProfile"]["type"] == "RuntimeDefault"
    assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    volumes = {volume["name"] for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert set(mounts.values()) <= volumes, mounts
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    for name in ("JETON_AGENT_LISTEN", "JETON_AGENT_CHECK_LISTEN", "JETON_ASSERTION_FILE"):
        assert str(Path(variables[name].removeprefix("unix:")).parent) in mounts, name
    port = int(variables["JETON_AGENT_OPS_LISTEN"].rpartition(":")[2])
    [named] = container["ports"]
    assert named["containerPort"] == port
    assert container["livenessProbe"]["httpGet"]["port"] in (port, named["name"])
    lines = [f"{name}={value}\n" for name, value in variables.items()]
    rendered.with_suffix(".env").write_text("".join(lines))
    print(f"{rendered.stem}: valid for {' and '.join(KUBERNETES)}: {container['name']}")


def one(rendered: Path, kind: str) -> dict[str, Any]:
    resources = {resource["kind"]: resource for resource in documents(rendered)}
    for resource in resources.values():
        for version in KUBERNETES:
            kubernetes_validate.validate(resource, version, strict=True)
    resource = resources.pop(kind)
    accounts = [account["metadata"]["name"] for account in resources.values()]
    named = resource["spec"]["template"]["spec"].get("serviceAccountName")
    assert set(resources) <= {"ServiceAccount"} and accounts in ([], [named]), resources
    template = resource["spec"]["template"]
    # The network policy of the server lets those in who say that they are its clients.
    assert template["metadata"]["labels"]["jeton-client"] == "true"
    return template["spec"]


def check_daemon_set(rendered: Path, issuer: str) -> None:
    pod = one(rendered, "DaemonSet")
    assert pod["automountServiceAccountToken"] is False
    [container] = pod["containers"]
    check_agent(rendered, pod, container, issuer)


def check_sidecar(rendered: Path, issuer: str) -> None:
    pod = one(rendered, "Deployment")
    [container] = pod["initContainers"]
    assert container["restartPolicy"] == "Always", "a sidecar"
    check_agent(rendered, pod, container, issuer)
    # What the service has stays, and both have the sockets at the same place.
    [service] = pod["containers"]
    mount = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert {mount["name"]: mount["mountPath"] for mount in service["volumeMounts"]} == {
        "jeton-agent": mount["jeton-agent"]
    }


if __name__ == "__main__":
    daemon_set, sidecar, server = map(Path, sys.argv[1:])
    [settings] = [found for found in documents(server) if found["kind"] == "ConfigMap"]
    issuer = tomllib.loads(settings["data"]["jeton.toml"])["http"]["issuer"]
    check_daemon_set(daemon_set, issuer)
    check_sidecar(sidecar, issuer)
