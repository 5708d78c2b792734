"""The manifests for Istio and Envoy Gateway, against the custom resource definitions of those who read them.

    meshes.py ISTIO_API ENVOY_GATEWAY

The sources of those Go modules. Rules that are written in CEL are not run.
"""

import sys
from pathlib import Path
from typing import Any

import jsonschema
from schemas import DEPLOY, closed, documents

Definitions = dict[tuple[str, str], dict[str, Any]]


def definitions(*paths: Path) -> Definitions:
    """The schema of each version of each kind."""
    found: Definitions = {}
    for path in paths:
        for definition in documents(path):
            if definition["kind"] != "CustomResourceDefinition":
                continue
            spec = definition["spec"]
            for version in spec["versions"]:
                schema = closed(version["schema"]["openAPIV3Schema"])
                # The types of metadata are Kubernetes' own.
                for name in ("apiVersion", "kind", "metadata"):
                    schema["properties"][name] = {}
                key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
                found[key] = schema
    return found


def check(known: Definitions, path: Path) -> None:
    kinds = []
    for resource in documents(path):
        kinds.append(resource["kind"])
        schema = known[resource["apiVersion"], resource["kind"]]
        jsonschema.Draft202012Validator(schema).validate(resource)
        misspelt = resource | {"spec": resource["spec"] | {"nothing": 1}}
        assert not jsonschema.Draft202012Validator(schema).is_valid(misspelt), "the schema sees nothing"
    print(f"{path.relative_to(DEPLOY)}: valid: {', '.join(kinds)}")


def check_requirement() -> None:
    """What the filter merges into Istio's routes is what a route of deploy/envoy has, which Envoy has run."""
    [envoy] = documents(DEPLOY / "envoy/envoy.yaml")
    manager = envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    routes = manager["route_config"]["virtual_hosts"][0]["routes"]
    [filters] = [r for r in documents(DEPLOY / "istio/policy.yaml") if r["kind"] == "EnvoyFilter"]
    [patch] = filters["spec"]["configPatches"]
    merged = patch["patch"]["value"]["typed_per_filter_config"]
    assert merged == routes[-1]["typed_per_filter_config"], merged


def main() -> None:
    istio, gateway = map(Path, sys.argv[1:])
    check(definitions(istio / "kubernetes/customresourcedefinitions.gen.yaml"), DEPLOY / "istio/policy.yaml")
    check_requirement()
    crds = gateway / "charts/gateway-helm/charts/crds/crds"
    known = definitions(
        crds / "gatewayapi-crds.yaml",
        crds / "generated/gateway.envoyproxy.io_securitypolicies.yaml",
        crds / "generated/gateway.envoyproxy.io_envoyproxies.yaml",
    )
    for name in ("security-policy.yaml", "jeton.yaml"):
        check(known, DEPLOY / "envoy-gateway" / name)


main()
