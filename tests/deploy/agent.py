"""The agent's manifests, against the same schemas and rules as the rest; and its variables, for the agent to read.

agent.py DAEMON-SET SIDECAR: what kustomize makes of them. Beside each a file of the same name, and `.env`, is
written, with the variables of its agent, one a line.
"""

import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
from schemas import KUBERNETES, documents


def check_agent(rendered: Path, pod: dict[str, Any], container: dict[str, Any]) -> None:
    """What no schema asks for, and that what is named is there."""
    security = {**pod.get("securityContext", {}), **container["securityContext"]}
    assert security["runAsNonRoot"] and security["runAsUser"] > 0
    assert security["seccompProfile"]["type"] == "RuntimeDefault"
    assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    volumes = {volume["name"] for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert set(mounts.values()) <= volumes, mounts
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    for name in ("JETON_AGENT_LISTEN", "JETON_AGENT_CHECK_LISTEN", "JETON_CLIENT_SECRET_FILE"):
        assert str(Path(variables[name].removeprefix("unix:")).parent) in mounts, name
    port = int(variables["JETON_AGENT_OPS_LISTEN"].rpartition(":")[2])
    [named] = container["ports"]
    assert named["containerPort"] == port
    assert container["livenessProbe"]["httpGet"]["port"] in (port, named["name"])
    lines = [f"{name}={value}\n" for name, value in variables.items()]
    rendered.with_suffix(".env").write_text("".join(lines))
    print(f"{rendered.stem}: valid for {' and '.join(KUBERNETES)}: {container['name']}")


def one(rendered: Path, kind: str) -> dict[str, Any]:
    [resource] = documents(rendered)
    assert resource["kind"] == kind
    for version in KUBERNETES:
        kubernetes_validate.validate(resource, version, strict=True)
    template = resource["spec"]["template"]
    # The network policy of the server lets those in who say that they are its clients.
    assert template["metadata"]["labels"]["jeton-client"] == "true"
    return template["spec"]


def check_daemon_set(rendered: Path) -> None:
    pod = one(rendered, "DaemonSet")
    assert pod["automountServiceAccountToken"] is False
    [container] = pod["containers"]
    check_agent(rendered, pod, container)


def check_sidecar(rendered: Path) -> None:
    pod = one(rendered, "Deployment")
    [container] = pod["initContainers"]
    assert container["restartPolicy"] == "Always", "a sidecar"
    check_agent(rendered, pod, container)
    # What the service has stays, and both have the sockets at the same place.
    [service] = pod["containers"]
    mount = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert {mount["name"]: mount["mountPath"] for mount in service["volumeMounts"]} == {
        "jeton-agent": mount["jeton-agent"]
    }


if __name__ == "__main__":
    daemon_set, sidecar = map(Path, sys.argv[1:])
    check_daemon_set(daemon_set)
    check_sidecar(sidecar)
