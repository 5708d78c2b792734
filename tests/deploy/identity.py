"""The manifests of a client without a Secret object, against the same schemas as the rest, and what no schema asks for.

identity.py CLIENT SERVER: what kustomize makes of them.
"""

import sys
import tomllib
from pathlib import Path

import kubernetes_validate
from schemas import KUBERNETES, documents


def main(client: Path, server: Path) -> None:
    resources = {resource["kind"]: resource for resource in documents(client)}
    for resource in resources.values():
        for version in KUBERNETES:
            kubernetes_validate.validate(resource, version, strict=True)
    assert set(resources) == {"ServiceAccount", "Deployment"}, "no Secret among them"
    for name in ("secretKeyRef", "secretRef", "secretName"):
        assert name not in client.read_text(), name

    account = resources["ServiceAccount"]
    pod = resources["Deployment"]["spec"]["template"]
    # The network policy of the server lets those in who say that they are its clients.
    assert pod["metadata"]["labels"]["jeton-client"] == "true"
    assert pod["spec"]["serviceAccountName"] == account["metadata"]["name"]
    assert pod["spec"]["automountServiceAccountToken"] is False
    [volume] = pod["spec"]["volumes"]
    [source] = volume["projected"]["sources"]
    [container] = pod["spec"]["containers"]
    assert [mount["name"] for mount in container["volumeMounts"]] == [volume["name"]]
    token = source["serviceAccountToken"]
    [settings] = [found for found in documents(server) if found["kind"] == "ConfigMap"]
    issuer = tomllib.loads(settings["data"]["jeton.toml"])["http"]["issuer"]
    assert token["audience"] == issuer, "the token is for the server and for nobody else"
    assert token["expirationSeconds"] == 600, "as short as the kubelet makes them"
    print(f"{client.stem}: valid for {' and '.join(KUBERNETES)}, without a secret")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
