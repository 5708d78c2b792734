"""Lets a pod log in with the token that a real API server of Kubernetes has made for it.

Usage: kubernetes.py KUBE-APISERVER ETCD JETON, with libfaketime in JETON_TEST_FAKETIME
"""

import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from run import ASSERTION, HERE, LIMIT, ask, free_port, until

CLUSTER = "https://kubernetes.default.svc.cluster.local"
ACCOUNT = "system:serviceaccount:shop:orders"
GROUP = "rbac.authorization.k8s.io"


def say(text: str) -> None:
    print(text, flush=True)


def openssl(*arguments: str, cwd: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


def make_authority(home: Path) -> None:
    """A CA, and a certificate of the API server by it."""
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=kubernetes", "-days", "2"),
        *("-keyout", "ca.key", "-out", "ca.crt"),
        cwd=home,
    )
    openssl(
        *("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=kube-apiserver"),
        *("-keyout", "serving.key", "-out", "serving.csr"),
        cwd=home,
    )
    (home / "san").write_text("subjectAltName=IP:127.0.0.1,DNS:kubernetes.default.svc\n")
    openssl(
        *("x509", "-req", "-in", "serving.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "2"),
        *("-CAcreateserial", "-extfile", "san", "-out", "serving.crt"),
        cwd=home,
    )


@contextmanager
def process(command: list[str], log: Path, **more: object) -> Iterator[subprocess.Popen]:
    with log.open("ab") as out:
        running = subprocess.Popen(command, stdout=out, stderr=out, **more)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(LIMIT)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


class Cluster:
    """An API server with an etcd, signing keys and an administrator of its own."""

    def __init__(self, name: str, home: Path, programs: tuple[str, str]) -> None:
        self.name, self.home, self.programs = name, home / name, programs
        self.home.mkdir()
        make_authority(self.home)
        self.keys: list[str] = []
        self.new_key()
        (self.home / "tokens.csv").write_text('admin-token,admin,admin,"system:masters"\n')
        self.port, self.etcd = free_port(), free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.tls = ssl.create_default_context(cafile=str(self.home / "ca.crt"))

    def new_key(self) -> None:
        key = f"sa-{len(self.keys)}.key"
        openssl("genrsa", "-out", key, "2048", cwd=self.home)
        self.keys.append(key)

    @contextmanager
    def store(self) -> Iterator[None]:
        client, peer = f"http://127.0.0.1:{self.etcd}", f"http://127.0.0.1:{free_port()}"
        command = [self.programs[1], "--data-dir", str(self.home / "etcd"), "--listen-client-urls", client]
        command += ["--advertise-client-urls", client, "--listen-peer-urls", peer]
        command += ["--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"]
        with process(command, self.home / "etcd.log"):
            yield

    @contextmanager
    def serving(self) -> Iterator[None]:
        files = {"tls-cert-file": "serving.crt", "tls-private-key-file": "serving.key"}
        files |= {"client-ca-file": "ca.crt", "token-auth-file": "tokens.csv"}
        files["service-account-signing-key-file"] = self.keys[-1]
        flags = {
            "etcd-servers": f"http://127.0.0.1:{self.etcd}",
            "bind-address": "127.0.0.1",
            "secure-port": str(self.port),
            "service-cluster-ip-range": "10.0.0.0/24",
            "service-account-issuer": CLUSTER,
            "api-audiences": CLUSTER,
            "authorization-mode": "RBAC",
            # What makes the account `default` is another program.
            "disable-admission-plugins": "ServiceAccount",
            "cert-dir": str(self.home),
        } | {flag: str(self.home / file) for flag, file in files.items()}
        command = [self.programs[0], *(f"--{flag}={value}" for flag, value in flags.items())]
        # Every key of it verifies; the last one signs.
        command += [f"--service-account-key-file={self.home / key}" for key in self.keys]
        with process(command, self.home / "apiserver.log") as running:
            until(f"the cluster {self.name}", lambda: self.serves(running))
            yield

    def serves(self, running: subprocess.Popen) -> bool:
        assert running.poll() is None, (self.home / "apiserver.log").read_text()[-4000:]
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def ask(
        self, method: str, path: str, body: dict | None = None, token: str | None = "admin-token"
    ) -> tuple[int, dict]:
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT, context=self.tls) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        return status, json.loads(text) if text.startswith(b"{") else {}

    def make(self, path: str, resource: dict) -> dict:
        status, made = self.ask("POST", path, resource)
        assert status == 201, (path, status, made)
        return made

    def namespace(self, name: str) -> None:
        self.make("/api/v1/namespaces", {"metadata": {"name": name}})

    def account(self, namespace: str, name: str) -> str:
        """Makes it, and returns its uid."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        return self.make(path, {"metadata": {"name": name}})["metadata"]["uid"]

    def pod(self, namespace: str, name: str, account: str) -> str:
        pod = {
            "metadata": {"name": name},
            "spec": {
                "serviceAccountName": account,
                "automountServiceAccountToken": False,
                "containers": [{"name": "main", "image": "any"}],
            },
        }
        return self.make(f"/api/v1/namespaces/{namespace}/pods", pod)["metadata"]["uid"]

    def token(
        self, namespace: str, account: str, audience: str, pod: tuple[str, str] | None = None
    ) -> str:
        """The token that the kubelet gets for a pod's projected volume."""
        spec: dict = {"audiences": [audience], "expirationSeconds": 600}
        if pod:
            spec["boundObjectRef"] = {"kind": "Pod", "apiVersion": "v1", "name": pod[0], "uid": pod[1]}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return self.make(path, {"spec": spec})["status"]["token"]


class Jeton:
    """A server that trusts the cluster `prod`, and has it review tokens if `reviewed`."""

    def __init__(
        self, program: str, home: Path, cluster: Cluster, uid: str, reviewed: bool = False
    ) -> None:
        self.program, self.home, self.cluster = program, home, cluster
        home.mkdir(exist_ok=True)
        self.http, self.ops, self.grpc = free_port(), free_port(), free_port()
        self.bearer = home / "bearer"
        self.bearer.write_text(cluster.token("jeton", "jeton", CLUSTER))
        url = f"{cluster.url}/apis/authentication.k8s.io/v1/tokenreviews"
        review = f'token_review_url = "{url}"' if reviewed else ""
        client = 'grants = ["client_credentials"]\naudience = ["billing", "jeton"]\n'
        identity = f'identities = [{{ issuer = "prod", subject = "{ACCOUNT}"'
        (home / "jeton.toml").write_text(
            f"""
[grpc]
listen = "127.0.0.1:{self.grpc}"
[http]
listen = "127.0.0.1:{self.http}"
issuer = "{HERE}"
[ops]
listen = "127.0.0.1:{self.ops}"
[audit]
target = "file:{home}/audit.jsonl"
[secrets]
weak_declared = "warn"
[[issuer]]
name = "prod"
issuer = "{CLUSTER}"
jwks_url = "{cluster.url}/openid/v1/jwks"
ca_file = "{cluster.home}/ca.crt"
bearer_file = "{self.bearer}"
{review}
clock_skew = "0s"
max_lifetime = "1h"
[[client]]
id = "orders"
{client}introspect = "any"
{identity} }}]
[[client]]
id = "pinned"
{client}{identity}, uid = "{uid}" }}]
[[client]]
id = "root"
secret = "root-secret"
grants = ["client_credentials"]
permissions = ["admin"]
"""
        )

    @contextmanager
    def running(self, **environment: str) -> Iterator[None]:
        # A new file, so that nothing of an earlier run is read as this one's.
        self.log = self.home / f"jeton-{free_port()}.log"
        command = [self.program, "serve", "--config", "jeton.toml"]
        with process(command, self.log, cwd=self.home, env={**os.environ, **environment}):
            until("jeton to have the keys", lambda: self.metric("jeton_issuer_keys") > 0)
            yield

    def metric(self, name: str) -> float:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ops}/metrics", timeout=LIMIT) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return -1
        found = [line for line in lines if line.startswith(f'{name}{{issuer="prod"}}')]
        return float(found[0].split()[-1]) if found else -1

    def log_in(self, assertion: str, client: str | None = None) -> tuple[int, dict]:
        fields = {"grant_type": "client_credentials", "client_assertion": assertion}
        fields["client_assertion_type"] = ASSERTION
        if client:
            fields["client_id"] = client
        body = urllib.parse.urlencode(fields).encode()
        return ask(urllib.request.Request(f"http://127.0.0.1:{self.http}/oauth/token", data=body))

    def refused_once(self, what: str, assertion: str, cause: str, client: str | None = None) -> None:
        """It is refused as soon as nobody remembers that it was good."""
        before = len(self.refusals())
        until(what, lambda: self.log_in(assertion, client)[0] == 401)
        until("the audit", lambda: len(self.refusals()) > before)
        self.refused(what, assertion, cause, client)

    def refused(self, what: str, assertion: str, cause: str, client: str | None = None) -> None:
        before = len(self.refusals())
        status, answer = self.log_in(assertion, client)
        assert (status, answer.get("error")) == (401, "invalid_client"), (what, status, answer)
        # It is written aside.
        until("the audit", lambda: len(self.refusals()) > before)
        assert self.refusals()[before:] == [cause], (what, self.refusals()[before:])
        say(f"  refused (401 invalid_client, {cause}): {what}")

    def refusals(self) -> list[str]:
        """The causes, in the audit. What is unavailable has none."""
        lines = (self.home / "audit.jsonl").read_text().splitlines(keepends=True)
        lines = [json.loads(line) for line in lines if line.endswith("\n")]
        return [line["cause"] for line in lines if "cause" in line]

    def accepted(self, what: str, assertion: str, client: str | None = None) -> str:
        status, answer = self.log_in(assertion, client)
        assert status == 200, (what, status, answer)
        say(f"  a token: {what}")
        return answer["access_token"]

    def command(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        named = {"JETON_SERVER": f"http://127.0.0.1:{self.grpc}", "HOME": str(self.home)}
        return subprocess.run(
            [self.program, *words], env={**named, **environment}, capture_output=True, text=True, check=False
        )

    def administer(self, *words: str) -> None:
        done = self.command(*words, JETON_CLIENT_ID="root", JETON_CLIENT_SECRET="root-secret")
        assert done.returncode == 0, done.stderr


def swap(volume: Path, token: str) -> Path:
    """Puts the token where the pod finds it, as the kubelet does: by a link that is swapped."""
    volume.mkdir(exist_ok=True)
    version = Path(tempfile.mkdtemp(prefix="..", dir=volume))
    (version / "token").write_text(token)
    temporary = volume / "..data_tmp"
    temporary.symlink_to(version.name)
    temporary.rename(volume / "..data")
    if not (volume / "token").is_symlink():
        (volume / "token").symlink_to("..data/token")
    return volume / "token"


def main(apiserver: str, etcd: str, program: str, home: Path) -> None:
    prod, other = (Cluster(name, home, (apiserver, etcd)) for name in ("prod", "other"))
    with ExitStack() as running:
        running.enter_context(prod.store())
        running.enter_context(other.store())
        with other.serving():
            other.namespace("shop")
            other.account("shop", "orders")
            foreign = other.token("shop", "orders", HERE)
        with prod.serving():
            for namespace in ("shop", "jeton"):
                prod.namespace(namespace)
            uid = prod.account("shop", "orders")
            prod.account("shop", "stranger")
            prod.account("jeton", "jeton")
            pod = ("orders-0", prod.pod("shop", "orders-0", "orders"))
            version = prod.ask("GET", "/version")[1]["gitVersion"]
            say(f"kube-apiserver {version}: two clusters of the iss {CLUSTER}")
            read_keys(prod)
            jeton = Jeton(program, home / "jeton", prod, uid)
            token = prod.token("shop", "orders", HERE, pod)
            with jeton.running():
                tokens = [token, foreign, *scenes(prod, jeton, token, pod, foreign)]
            with jeton.running(LD_PRELOAD=os.environ["JETON_TEST_FAKETIME"], FAKETIME="+11m"):
                jeton.refused("eleven minutes later", token, "expired_assertion")
            log = jeton.log.read_text()
            reviewed = Jeton(program, home / "reviewed", prod, uid, reviewed=True)
            with reviewed.running():
                tokens += reviews(prod, reviewed)
            log += reviewed.log.read_text() + (reviewed.home / "audit.jsonl").read_text()
        with jeton_after_rotation(prod, jeton, pod) as rotated:
            tokens.append(rotated)
        logs = log + jeton.log.read_text() + (jeton.home / "audit.jsonl").read_text()
        signatures = [token.rsplit(".", 1)[1] for token in tokens]
        assert not any(signature in logs for signature in signatures), "in the log"


def read_keys(prod: Cluster) -> None:
    anonymous = prod.ask("GET", "/openid/v1/jwks", token=None)[0]
    elsewhere = prod.token("jeton", "jeton", HERE)
    wrong = prod.ask("GET", "/openid/v1/jwks", token=elsewhere)[0]
    good = prod.ask("GET", "/openid/v1/jwks", token=prod.token("jeton", "jeton", CLUSTER))[0]
    assert (anonymous, wrong, good) == (403, 401, 200), (anonymous, wrong, good)
    say(f"its JWKS: {anonymous} to nobody, {wrong} to a token for jeton, {good} to one for the API server")


def scenes(
    prod: Cluster, jeton: Jeton, token: str, pod: tuple[str, str], foreign: str
) -> list[str]:
    say("jeton has the keys, by a bearer file and the cluster's CA")
    jeton.accepted("the pod's projected token", token, "orders")
    jeton.accepted("the same token again", token, "orders")
    jeton.accepted("the account of that uid", token, "pinned")

    volume = jeton.home / "projected"
    file = swap(volume, token)
    by_file = {"JETON_ASSERTION_FILE": str(file), "JETON_CLIENT_ID": "orders"}
    done = jeton.command("token", "issue", "--field", "access_token", **by_file)
    assert done.returncode == 0 and done.stdout.startswith("jat_"), done.stderr
    say("  a token: jeton token issue --assertion-file")
    agent(jeton, by_file, volume, done.stdout.strip(), prod.token("shop", "orders", HERE, pod))

    elsewhere = prod.token("shop", "orders", CLUSTER, pod)
    stranger = prod.token("shop", "stranger", HERE)
    jeton.refused("a token for the API server", elsewhere, "wrong_audience")
    jeton.refused("a token of another account", stranger, "wrong_identity")
    jeton.refused("the account of that name in another cluster of the same iss", foreign, "unknown_key")
    head, body, signature = token.split(".")
    spoiled = f"{head}.{body}.{signature[::-1]}"
    jeton.refused("a token with another signature", spoiled, "wrong_signature")

    path = "/api/v1/namespaces/shop/serviceaccounts/orders"
    assert prod.ask("DELETE", path)[0] == 200
    uid = prod.account("shop", "orders")
    again = prod.token("shop", "orders", HERE)
    jeton.refused(f"the account that was made again (uid {uid[:8]}…)", again, "wrong_uid", "pinned")
    jeton.accepted("the same, where no uid is pinned", again, "orders")
    jeton.accepted("the deleted account's token, which nobody revokes before its end", token, "pinned")

    jeton.administer("client", "disable", "orders", "--yes")
    jeton.refused("a client that is disabled", again, "disabled_client", "orders")
    jeton.administer("client", "enable", "orders")
    jeton.accepted("the client that is enabled again", again, "orders")
    jeton.administer("client", "update", "orders", "--certificate", "dns:orders.example")
    jeton.administer("client", "update", "orders", "--clear", "identities")
    jeton.refused("a client without that identity", again, "wrong_identity", "orders")
    identity = f"issuer=prod,subject={ACCOUNT}"
    jeton.administer("client", "update", "orders", "--identity", identity)
    return [elsewhere, stranger, again]


def reviews(prod: Cluster, jeton: Jeton) -> list[str]:
    """The API server reviews each token, once the account of jeton may have it do so."""
    accounts = "/api/v1/namespaces/shop/serviceaccounts"
    prod.account("shop", "short")
    uid = prod.pod("shop", "short-0", "short")
    prod.pod("shop", "short-1", "short")
    bound = prod.token("shop", "short", HERE, ("short-0", uid))
    unbound = prod.token("shop", "short", HERE)
    jeton.administer(
        *("client", "create", "short", "--grant", "client_credentials"),
        *("--identity", "issuer=prod,subject=system:serviceaccount:shop:short"),
    )
    say("jeton has the API server review tokens")
    status, answer = jeton.log_in(bound)
    assert status == 503, (status, answer)
    say(f"  503 {answer['error']}: while its account may not have tokens reviewed")
    found = jeton.command("check", "--config", str(jeton.home / "jeton.toml"), "--deep").stdout
    assert "system:auth-delegator" in found, found
    say("  jeton check --deep: names the role that is missing")
    binding = {
        "metadata": {"name": "jeton"},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "system:auth-delegator"},
        "subjects": [{"kind": "ServiceAccount", "name": "jeton", "namespace": "jeton"}],
    }
    prod.make(f"/apis/{GROUP}/v1/clusterrolebindings", binding)
    until("the role", lambda: jeton.log_in(bound)[0] == 200)
    jeton.accepted("the pod's token, once it may", bound)
    jeton.accepted("a token of the account that is bound to no pod", unbound)
    found = jeton.command("check", "--config", str(jeton.home / "jeton.toml"), "--deep").stdout
    assert "prod answers questions about its tokens" in found, found

    elsewhere = prod.token("shop", "short", CLUSTER)
    jeton.refused("a token for the API server", elsewhere, "wrong_audience")
    # No kubelet is there to let it end in peace.
    path = "/api/v1/namespaces/shop/pods/short-0?gracePeriodSeconds=0"
    assert prod.ask("DELETE", path)[0] == 200
    jeton.refused_once("the token of a pod that was deleted", bound, "denied_by_issuer")
    jeton.accepted("the account's other token", unbound)
    assert prod.ask("DELETE", f"{accounts}/short")[0] == 200
    jeton.refused_once("the token of an account that was deleted", unbound, "denied_by_issuer")
    prod.account("shop", "short")
    again = prod.token("shop", "short", HERE)
    jeton.refused("the same after one of its name was made again", unbound, "denied_by_issuer")
    jeton.accepted("a token of that one", again)
    return [bound, unbound, elsewhere, again]


def agent(jeton: Jeton, by_file: dict[str, str], volume: Path, token: str, renewed: str) -> None:
    """An agent with the same file answers about a token, also after the kubelet has swapped the file."""
    grpc, ops = free_port(), free_port()
    environment = {
        "JETON_SERVER": f"http://127.0.0.1:{jeton.grpc}",
        "JETON_AGENT_LISTEN": f"127.0.0.1:{grpc}",
        "JETON_AGENT_OPS_LISTEN": f"127.0.0.1:{ops}",
        **by_file,
    }

    def ready() -> bool:
        try:
            return ask(f"http://127.0.0.1:{ops}/readyz")[0] == 200
        except OSError:
            return False

    for shown in ("the first token", "the renewed one"):
        with process([jeton.program, "agent"], jeton.home / "agent.log", env=environment):
            until("the agent to hear the server", ready)
            there = {**by_file, "JETON_SERVER": f"http://127.0.0.1:{grpc}"}
            del there["JETON_ASSERTION_FILE"]
            asked = subprocess.run(
                [jeton.program, "token", "introspect", "--field", "active"],
                env={**there, "JETON_CLIENT_SECRET": "none", "HOME": str(jeton.home)},
                input=token,
                capture_output=True,
                text=True,
                check=False,
            )
            assert asked.stdout.strip() == "true", asked
            say(f"  jeton agent hears the server with {shown} of its account")
        swap(volume, renewed)


@contextmanager
def jeton_after_rotation(prod: Cluster, jeton: Jeton, pod: tuple[str, str]) -> Iterator[str]:
    """The cluster signs with a new key while jeton runs: the first token has the keys read again."""
    prod.new_key()
    with ExitStack() as running:
        with prod.serving():
            # It knows the two keys from now on; the one that signs comes after.
            jeton.bearer.write_text(prod.token("jeton", "jeton", CLUSTER))
            running.enter_context(jeton.running())
        prod.new_key()
        running.enter_context(prod.serving())
        rotated = prod.token("shop", "orders", HERE)
        until("the rotated key", lambda: jeton.log_in(rotated, "orders")[0] == 200)
        say("  a token: signed by a key that was not published when jeton read them")
        yield rotated


if __name__ == "__main__":
    apiserver, etcd, program = sys.argv[1:]
    home = Path(tempfile.mkdtemp())
    try:
        main(apiserver, etcd, program, home)
    except BaseException:
        for log in sorted((home / "jeton").glob("*.log")):
            print(log, log.read_text()[-3000:], sep="\n", file=sys.stderr)
        raise
    finally:
        shutil.rmtree(home)
