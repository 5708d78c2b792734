"""Measures instances over one PostgreSQL with two quorum standbys, in one run with raw single-row
updates of the same PostgreSQL (pgbench), and how soon a revocation at one counts at another.

    cargo build --release --bin jeton --example revocation_latency
    python3 benches/cluster.py [--instances 1,2,3] [--seconds 10] [--rounds 3] [--revocations 1000]
        [--grants 30000]

Everything runs on this machine: three PostgreSQL servers, the instances, and the load, which is one
`jeton bench` for each instance. So with few cores the rates of more instances say what all of them
share, and the CPU time of one call is what more machines would divide by. pgbench has as many
connections as the instances have together, and updates one of 100,000 rows each time. A revocation of the
load is of a token that was issued just before, which is part of the load and not of its time.

At last each of the instances ends, at once, so many grants of one user one by one: while nothing else goes on, while
users log in, and while a snapshot is open that keeps the database from freeing rows.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

CONTROL = Path(__file__).parent.parent / "tests" / "postgres" / "ctl.sh"
NODES = ("primary", "standby1", "standby2")
CONNECTIONS = 16
# Calls under way at once, for any number of instances.
IN_FLIGHT = 96
RAW_ROWS = 100_000
RAW_UPDATE = f"\\set id random(1, {RAW_ROWS})\nUPDATE raw SET n = n + 1 WHERE id = :id;\n"
CLIENT_ID, CLIENT_SECRET = "gateway", "kx7vqzmw2nfd9tr-4"
ADMIN_ID = "operator"
# One for each instance.
USERS = ("alice", "bob", "carol")
PASSWORD = "correct horse battery staple"
# Hashes are cheap: it is not their time that is measured.
SETTINGS = f"""
[audit]
target = "off"

[passwords]
memory = "8KiB"
iterations = 1

[[client]]
id = "{CLIENT_ID}"
secret = "{CLIENT_SECRET}"
grants = ["client_credentials", "password", "refresh_token"]
scopes = ["read", "write"]
max_grants = 1000000
introspect = "any"

[[client]]
id = "{ADMIN_ID}"
secret = "{CLIENT_SECRET}"
permissions = ["admin"]
""" + "".join(
    f"""
[[user]]
name = "{user}"
password = "{PASSWORD}"
""" for user in USERS
)
LOADS = {
    "issue": [],
    "refresh": ["--username", USERS[0]],
    "revoke": [],
    "introspect": ["--tokens", "2000"],
}
TICKS = os.sysconf("SC_CLK_TCK")


def run(*command: str, **options) -> str:
    """Answers what a command prints, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def free_port() -> int:
    """Answers a port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_of(pid: int, of_ended_children: bool = False) -> float:
    """Answers the CPU seconds that a process has used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0.0
    return sum(int(field) for field in fields[11:15 if of_ended_children else 13]) / TICKS


class Postgres:
    """A primary and two standbys of which one confirms each commit."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        run(str(CONTROL), "install")
        self.url = run(str(CONTROL), "start", folder).splitlines()[-1]
        self.sql("CREATE TABLE raw (id bigint PRIMARY KEY, n bigint NOT NULL)")
        self.sql(f"INSERT INTO raw SELECT id, 0 FROM generate_series(1, {RAW_ROWS}) AS id")
        self.sql("CHECKPOINT")

    def sql(self, statement: str) -> str:
        """Runs a statement at the primary."""
        return run(str(CONTROL), "sql", self.folder, "primary", statement)

    def cpu(self) -> float:
        """Answers the CPU seconds that all processes of all nodes have used."""
        return sum(self._cpu_of(node) for node in NODES)

    def _cpu_of(self, node: str) -> float:
        server = int(Path(self.folder, node, "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        return cpu_of(server, of_ended_children=True) + sum(cpu_of(int(pid)) for pid in children)

    def transactions(self) -> int:
        """Answers how many transactions it has ended: reads, writes, barriers."""
        return int(self.sql("SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database"))

    @contextmanager
    def open_snapshot(self) -> Iterator[None]:
        """Keeps a snapshot open meanwhile."""
        sleeping = "SELECT pg_sleep(3600)"
        command = [str(CONTROL), "sql", self.folder, "primary", sleeping]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            yield
            self.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = '{sleeping}'")

    def raw_updates(self, clients: int, seconds: int) -> float:
        """Answers how many single-row updates it does a second."""
        script = Path(self.folder, "raw.sql")
        script.write_text(RAW_UPDATE)
        port = Path(self.folder, "primary.port").read_text().strip()
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
        said = run(
            str(programs[-1]), "--no-vacuum", "--protocol=prepared", "--file", str(script),
            "--client", str(clients), "--jobs", "1", "--time", str(seconds),
            "--host", "127.0.0.1", "--port", port, "--username", "jeton", "postgres",
        )
        return float(next(line for line in said.splitlines() if line.startswith("tps")).split()[2])

    def end(self) -> None:
        """Leaves nothing running."""
        run(str(CONTROL), "end", self.folder)


class Instance:
    """One `jeton serve` over the database."""

    def __init__(self, program: str, folder: Path, url: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [program, "serve", "--config", str(folder / "jeton.toml"), "--log", "error"]
        command += ["--grpc-listen", f"127.0.0.1:{self.port}", "--http-listen", "127.0.0.1:0"]
        command += ["--ops-listen", "127.0.0.1:0", "--keys-path", str(folder / "keys")]
        command += ["--store-connections", str(CONNECTIONS)]
        self.process = subprocess.Popen(command, env=os.environ | {"JETON_STORE_URL": url})
        health = [program, "health", "--server", self.url]
        while subprocess.run(health, capture_output=True, check=False).returncode != 0:
            if self.process.poll() is not None:
                sys.exit("an instance does not start")
            time.sleep(0.05)

    def cpu(self) -> float:
        """Answers the CPU seconds that it has used."""
        return cpu_of(self.process.pid)

    def stop(self) -> None:
        """Ends it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Sampler(threading.Thread):
    """Notes the CPU times of the instances and of PostgreSQL ten times a second."""

    def __init__(self, instances: list[Instance], postgres: Postgres) -> None:
        super().__init__(daemon=True)
        self._instances, self._postgres = instances, postgres
        self._over = threading.Event()
        self.samples: list[tuple[float, float, float]] = []

    def run(self) -> None:
        """Notes until it is stopped."""
        while not self._over.wait(0.1):
            used = sum(instance.cpu() for instance in self._instances)
            self.samples.append((time.monotonic(), used, self._postgres.cpu()))

    def used(self, seconds: float) -> tuple[float, float]:
        """Answers the share of one core that each of the two used in the last `seconds`."""
        self._over.set()
        self.join()
        last = self.samples[-1]
        first = next(sample for sample in self.samples if sample[0] >= last[0] - seconds)
        passed = last[0] - first[0]
        return (last[1] - first[1]) / passed, (last[2] - first[2]) / passed


def put_load(program: str, instances: list[Instance], postgres: Postgres, call: str,
             seconds: int) -> dict[str, float]:
    """Loads all instances at once and answers what was seen of all together."""
    connections = max(1, IN_FLIGHT // CONNECTIONS // len(instances))
    command = [program, "bench", "--client-id", CLIENT_ID, "--mix", call, "--output", "json"]
    command += ["--connections", str(connections), "--streams", str(CONNECTIONS)]
    command += ["--duration", f"{seconds}s", "--warm-up", "1s", *LOADS[call]]
    environment = os.environ | {"JETON_CLIENT_SECRET": CLIENT_SECRET, "JETON_PASSWORD": PASSWORD}
    sampler = Sampler(instances, postgres)
    sampler.start()
    before, began = postgres.transactions(), time.monotonic()
    loads = [
        subprocess.Popen([*command, "--server", instance.url], env=environment, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for instance in instances
    ]
    seen = []
    for load in loads:
        said, problem = load.communicate()
        if load.returncode != 0:
            sys.exit(f"{call}: {problem}")
        seen.append(json.loads(said)["calls"][call])
    ours, database = sampler.used(seconds)
    transactions = (postgres.transactions() - before) / (time.monotonic() - began)
    if any(each["refused"] for each in seen):
        sys.exit(f"{call}: refused {[each['refused'] for each in seen]}")
    rate = sum(each["per_second"] for each in seen)
    return {
        "per_second": rate,
        "cpu_micros": ours / rate * 1e6,
        "postgres_micros": database / rate * 1e6,
        # The warm-up and the start of the load are in both.
        "transactions": transactions / rate,
        "p50": max(each["latency_micros"]["p50"] for each in seen),
        "p99": max(each["latency_micros"]["p99"] for each in seen),
    }


def measure(given: argparse.Namespace, postgres: Postgres, instances: list[Instance]) -> list[dict]:
    """Loads so many of the instances in turns with raw updates, and answers medians."""
    counts = [int(count) for count in given.instances.split(",")]
    seen: dict[tuple[str, int], list[dict[str, float]]] = {}
    for turn in range(given.rounds):
        # Which comes first changes: what a load leaves behind is not always the same one's burden.
        for count in counts if turn % 2 == 0 else reversed(counts):
            raw = postgres.raw_updates(CONNECTIONS * count, given.seconds)
            for call in LOADS:
                some = instances[:count]
                load = put_load(given.program, some, postgres, call, given.seconds)
                load |= {"raw": raw, "ratio": load["per_second"] / raw}
                seen.setdefault((call, count), []).append(load)
    return [
        {"call": call, "instances": count}
        | {name: statistics.median(load[name] for load in loads) for name in loads[0]}
        for (call, count), loads in sorted(seen.items())
    ]


def log_in(program: str, instances: list[Instance], users: tuple[str, ...], count: int) -> None:
    """Has each of the users log in so many times at an instance of its own."""
    environment = os.environ | {"JETON_CLIENT_SECRET": CLIENT_SECRET, "JETON_PASSWORD": PASSWORD}
    command = [program, "bench", "--client-id", CLIENT_ID, "--mix", "password", "--output", "json"]
    command += ["--connections", "2", "--streams", str(CONNECTIONS), "--warm-up", "0s"]
    for user, instance in zip(users, instances):
        made = 0
        while made < count:
            said = run(*command, "--duration", "5s", "--username", user, "--server", instance.url,
                       env=environment)
            seen = json.loads(said)["calls"]["password"]
            made += int(seen["per_second"] * 5)


def end_all(given: argparse.Namespace, instances: list[Instance], users: tuple[str, ...],
            logins: bool = False) -> str:
    """Ends the grants of each user one by one, at an instance of its own, and answers the rate."""
    log_in(given.program, instances, users, given.grants)
    environment = os.environ | {"JETON_CLIENT_SECRET": CLIENT_SECRET, "JETON_PASSWORD": PASSWORD}
    others = []
    if logins:
        command = [given.program, "bench", "--client-id", CLIENT_ID, "--mix", "password"]
        command += ["--username", USERS[-1], "--connections", "1", "--streams", "8", "--output", "json"]
        command += ["--duration", "10s", "--server", instances[-1].url]
        others = [subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE)]
    began = time.monotonic()
    command = [given.program, "grant", "revoke-all", "--yes", "--client-id", ADMIN_ID]
    command += ["--client", CLIENT_ID, "--output", "json"]
    endings = [
        subprocess.Popen([*command, "--user", user, "--server", instance.url], env=environment,
                         text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for user, instance in zip(users, instances)
    ]
    ended, longest = 0, 0.0
    for ending in endings:
        said, problem = ending.communicate()
        if ending.returncode != 0:
            sys.exit(f"revoke-all: {problem}")
        ended += int(json.loads(said)["count"])
        longest = time.monotonic() - began
    report = f"{ended} grants ended at {len(endings)} instances in {longest:.1f} s: {ended / longest:.0f} a second"
    for other in others:
        seen = json.loads(other.communicate()[0])["calls"]["password"]
        report += (f", beside {seen['per_second']:.0f} logins a second, p99 "
                   f"{seen['latency_micros']['p99'] / 1e3:.1f} ms")
    return report


def table(rows: list[dict]) -> str:
    """Answers the report for people."""
    lines = [
        "| call | instances | calls/s | raw updates/s | ratio | p50 | p99 | CPU a call: instances "
        "| PostgreSQL | transactions |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['call']} | {row['instances']} | {row['per_second']:.0f} | {row['raw']:.0f} "
            f"| {row['ratio']:.2f} | {row['p50'] / 1e3:.1f} ms | {row['p99'] / 1e3:.1f} ms "
            f"| {row['cpu_micros']:.0f} µs | {row['postgres_micros']:.0f} µs | {row['transactions']:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Reads the command line, starts everything and measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="target/release/jeton")
    parser.add_argument("--latency", default="target/release/examples/revocation_latency")
    parser.add_argument("--instances", default="1,2,3", help="how many, one after the other")
    parser.add_argument("--seconds", type=int, default=10, help="counted seconds of each load")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each load; 0 for none")
    parser.add_argument("--revocations", type=int, default=1000, help="0 for none")
    parser.add_argument("--grants", type=int, default=0, help="that each user has ended; 0 for none")
    parser.add_argument("--dir", help="where the databases lie; a temporary folder by default")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=given.dir)))
        # PostgreSQL's user comes by here, when it is another one.
        folder.chmod(0o755)
        (folder / "jeton.toml").write_text(SETTINGS)
        (folder / "jeton.toml").chmod(0o600)
        (folder / "postgres").mkdir()
        postgres = Postgres(str(folder / "postgres"))
        stack.callback(postgres.end)
        instances = []
        for _ in range(max(2, *map(int, given.instances.split(",")))):
            instances.append(Instance(given.program, folder, postgres.url))
            stack.callback(instances[-1].stop)
        if given.rounds:
            print(table(measure(given, postgres, instances)))
        if given.grants:
            for count in map(int, given.instances.split(",")):
                print(end_all(given, instances, USERS[:count]))
            print("beside logins:", end_all(given, instances, USERS[:1], logins=True))
            with postgres.open_snapshot():
                print("with an open snapshot:", end_all(given, instances, USERS[:1]))
        if given.revocations:
            print(run(
                given.latency, "--revoke-at", instances[0].url, "--introspect-at", instances[1].url,
                "--client-id", CLIENT_ID, "--count", str(given.revocations),
                env=os.environ | {"JETON_CLIENT_SECRET": CLIENT_SECRET},
            ), end="")


if __name__ == "__main__":
    main()
