"""Whether the time of a refused login tells that there is such a user.

    login_timing.py [LOGINS] [--seed N]

Logs in with wrong passwords, 1,000 times for known users and 1,000 times for names that nobody
has, in random order over one connection, each name fewer times than lock it out. Two tests compare
the two samples: Mann-Whitney (is one of them faster?) and Kolmogorov-Smirnov (do they differ in any
way?). To show what they would have seen, the smallest of a row of delays added to one sample is
told that the tests do find.

Exits 1 when a test tells the samples apart at p < 0.001.
"""

import argparse
import math
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import grpc

from api import Api, Refused
from secret_ledger import invent
from server import Settings, fleet

# One less than locks a name out.
GUESSES_A_NAME = 4

TOLD_APART = 0.001

# Milliseconds added to the known users' times.
DELAYS = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0]


def mann_whitney(one: list[float], other: list[float]) -> float:
    """The two-sided p-value, by the normal approximation; times have no ties."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    rank_sum = sum(rank for rank, (_, sample) in enumerate(ranked, 1) if sample == 0)
    n, m = len(one), len(other)
    u = rank_sum - n * (n + 1) / 2
    deviation = math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(u - n * m / 2) / deviation / math.sqrt(2))


def kolmogorov_smirnov(one: list[float], other: list[float]) -> float:
    """The two-sided p-value, by the asymptotic distribution."""
    n, m = len(one), len(other)
    distance = below_one = below_other = 0.0
    for _, sample in sorted([(value, 0) for value in one] + [(value, 1) for value in other]):
        if sample == 0:
            below_one += 1 / n
        else:
            below_other += 1 / m
        distance = max(distance, abs(below_one - below_other))
    effective = math.sqrt(n * m / (n + m))
    x = (effective + 0.12 + 0.11 / effective) * distance
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101))
    return min(1.0, max(0.0, sum(terms)))


def measure(api: Api, logins: list[tuple[str, str]], secret: str) -> dict[str, list[float]]:
    """Milliseconds of each refusal, by kind of name."""
    path, request_class, response_class = api.schema.methods["IssueToken"]
    send = api.channel.unary_unary(
        path,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=response_class.FromString,
    )
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    for kind, name in logins:
        request = request_class(
            client_id="orders",
            client_secret=secret,
            password={"username": name, "password": "a wrong guess"},
        )
        began = time.perf_counter_ns()
        try:
            send(request, timeout=20)
        except grpc.RpcError as error:
            taken = time.perf_counter_ns() - began
            refusal = Refused(error)
            assert refusal.reason == "INVALID_GRANT", refusal
        times[kind].append(taken / 1e6)
    return times


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("logins", nargs="?", type=int, default=1_000)
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    given = arguments.parse_args()
    dice = random.Random(given.seed)

    secret = invent()
    count = -(-given.logins // GUESSES_A_NAME)
    names = {"known": [], "unknown": []}
    for kind in names:
        names[kind] = [f"{dice.getrandbits(64):016x}" for _ in range(count)]
    logins = [
        login
        for kind in names
        for login in [(kind, name) for name in names[kind] for _ in range(GUESSES_A_NAME)][
            : given.logins
        ]
    ]
    dice.shuffle(logins)
    settings = Settings(
        clients=[{"id": "orders", "secret": secret, "grants": ["password"], "scopes": ["read"]}],
        users=[{"name": name, "password": invent()} for name in names["known"]],
    )
    with tempfile.TemporaryDirectory(prefix="jeton-timing-") as home, fleet(Path(home)) as servers:
        server = servers.add("timed", settings, log="info").start()
        api = Api(server.address)
        warm_up = [("known", name) for name in (f"{dice.getrandbits(64):016x}" for _ in range(20))]
        measure(api, warm_up, secret)
        times = measure(api, logins, secret)
        api.close()

    print(f"seed {given.seed}, {given.logins} logins of each kind, milliseconds")
    for kind, sample in times.items():
        cuts = statistics.quantiles(sample, n=100)
        print(
            f"{kind:8} mean {statistics.fmean(sample):.3f}  p5 {cuts[4]:.3f}  p50 {cuts[49]:.3f}"
            f"  p95 {cuts[94]:.3f}  p99 {cuts[98]:.3f}"
        )
    tests = {"Mann-Whitney": mann_whitney, "Kolmogorov-Smirnov": kolmogorov_smirnov}
    apart = False
    for name, test in tests.items():
        p = test(times["known"], times["unknown"])
        apart |= p < TOLD_APART
        found = (
            delay
            for delay in DELAYS
            if test([value + delay for value in times["known"]], times["unknown"]) < TOLD_APART
        )
        smallest = next(found, None)
        seen = "none of the delays" if smallest is None else f"a delay of {smallest} ms"
        print(f"{name:18} p = {p:.3f}; would have seen {seen}")
    print("told apart" if apart else "not told apart")
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main())
