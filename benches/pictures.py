"""The pictures that the figures of the measurements make."""

from bars import Bars
from chart import Chart

QUANTILES = (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"))
ONE_IN = {"p50": 2, "p90": 10, "p99": 100, "p999": 1000}
# Grants beside which the server's own memory is little.
MANY = 100_000
WRITES = (
    ("benchmarks-writes", "Durable writes against callers", "/s", "per_second"),
    ("benchmarks-batches", "Writes that share a sync", "writes", "writes_a_sync"),
)


def calls(figures: list[dict]) -> dict[str, Chart]:
    """Answers a picture of each call's latency, and one of how often all are answered."""
    made, answered = {}, {}
    for call in dict.fromkeys(row["call"] for row in figures):
        rows = [row for row in figures if row["call"] == call]
        answered[call] = [(row["connections"], row["jeton"]["per_second"]) for row in rows]
        lines = {
            f"{name}, {label}": [(row["connections"], row[name][quantile]) for row in rows]
            for name, quantiles in (("jeton", QUANTILES), ("bare", QUANTILES[:2]))
            if name in rows[0] for quantile, label in quantiles
        }
        made[f"benchmarks-latency-{call}"] = Chart(
            f"Latency of {call} against connections", "connections", "µs", lines,
            logarithmic=True, steep=True,
        )
    made["benchmarks-calls"] = Chart(
        "Calls answered against connections", "connections", "/s", answered, logarithmic=True, steep=True
    )
    return made


def burdened(figures: list[dict]) -> Chart:
    """Answers a picture of introspection beside other work: the one call in so many that takes as long."""
    lines = {"alone": figures[0]["alone"]}
    lines |= {f"beside {row['beside'].split(' of ')[0]}": row["loaded"] for row in figures}
    # It is measured by a program of its own, with another load.
    lines["alone, before that"] = figures[-1]["alone"]
    points = {
        name: [(one_in, seen[quantile]) for quantile, one_in in ONE_IN.items() if quantile in seen]
        for name, seen in lines.items()
    }
    return Chart(
        "Introspection beside other work", "one call in so many takes longer", "µs", points,
        logarithmic=True, steep=True,
    )


def peers(figures: list[dict]) -> Bars:
    """Answers a picture of jeton beside other token services."""
    groups = {
        seen["name"]: {name: call["per_second"] for name, call in seen["calls"].items()} for seen in figures
    }
    return Bars("Calls answered in a second on one core, by powers of ten", "/s", groups)


def charts(taken: dict) -> dict[str, Chart | Bars]:
    """Answers the pictures that the figures make, by file name."""
    made: dict[str, Chart | Bars] = {}
    if "peers" in taken:
        made["benchmarks-peers"] = peers(taken["peers"]["figures"])
    if "volume" in taken:
        rows = taken["volume"]["figures"]
        lines = {"all in memory": [(row["grants"], row["per_second"]) for row in rows]}
        for skew, name in (("uniform", "256 MiB, uniform"), ("zipf", "256 MiB, Zipf")):
            lines[name] = [(row["grants"], row["small"][skew]["per_second"]) for row in rows]
        made["benchmarks-volume"] = Chart(
            "Introspection against live grants", "live grants", "/s", lines, logarithmic=True
        )
        lines = {
            name: [(row["grants"], row[f"{where}_per_grant"]) for row in rows if row["grants"] >= MANY]
            for name, where in (("in memory", "memory"), ("on the disk", "disk"))
        }
        made["benchmarks-size"] = Chart(
            "A live grant's size", "live grants", "bytes", lines, logarithmic=True, steep=True
        )
    if "writes" in taken:
        rows = taken["writes"]["figures"]
        for name, title, up, figure in WRITES:
            lines = {
                call: [(row["callers"], row[figure]) for row in rows if row["call"] == call]
                for call in ("issue", "refresh")
            }
            made[name] = Chart(title, "callers at once", up, lines, logarithmic=True)
    if "beside" in taken:
        made["benchmarks-beside"] = burdened(taken["beside"]["figures"])
    if "latency" in taken:
        made |= calls(taken["latency"]["figures"])
    return made
