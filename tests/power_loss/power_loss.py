"""Cuts the power at random points of a recorded load and checks that nothing acknowledged is lost."""

import argparse
import collections
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import strace
from disk import SYNCS, Disk

OUTCOMES = {0: "ok", 1: "lost or invented", 3: "does not open", 4: "order broken", None: "hangs"}
LONGEST_VERIFICATION = 120.0
MOST_EXAMPLES = 12
# What one of the load's lines begins with that tells of an acknowledgement: `A `.
ACKNOWLEDGEMENT = b'"\\x41\\x20'

Check = Callable[[int, Disk, bytes], None]


class Ledger:
    """What the load had promised by a point of the trace."""

    def __init__(self, path: str, start: bytes) -> None:
        self.data = bytearray(start)
        self._path = os.path.abspath(path).encode()
        self._descriptors: set[int] = set()

    def new_process(self) -> None:
        """Forgets the descriptors of a process that ended."""
        self._descriptors.clear()

    def enter(self, call: strace.Call) -> None:
        """Takes a call that begins: from here on, a line counts as said."""
        if call.name == "close":  # Its number may be given out again before it returns.
            self._descriptors.discard(int(call.args[0]))
        elif call.name == "write" and int(call.args[0]) in self._descriptors:
            self.data += strace.text(call.args[1])

    def exit(self, call: strace.Call) -> None:
        """Takes a call that came back."""
        if call.name == "openat" and not call.failed() and call.result is not None:
            self._descriptors.discard(call.result)
            path = os.path.normpath(strace.text(call.args[1]))
            if path == self._path and b"O_APPEND" in call.args[2]:
                self._descriptors.add(call.result)


@dataclass
class Survey:
    """Where the interesting events of some traces are."""

    events: int = 0
    # From the start of each process to its first acknowledgement.
    openings: list[range] = field(default_factory=list)
    syncs: list[int] = field(default_factory=list)

    def choose_cuts(self, rng: random.Random, rounds: int) -> list[int]:
        """Draws cuts: four in ten while a sync is under way, one in an opening, the rest anywhere."""
        cuts = []
        for _ in range(rounds):
            luck = rng.random()
            if luck < 0.1:
                cuts.append(max(1, rng.choice(rng.choice(self.openings))))
            elif luck < 0.5 and self.syncs:
                cuts.append(max(1, rng.choice(self.syncs)))
            else:
                cuts.append(rng.randrange(1, self.events))
        return sorted(cuts)


def survey(traces: Sequence[str]) -> Survey:
    """Counts the events of traces and notes those just before a sync came back."""
    found = Survey()
    opening = False
    for event in events(traces):
        if event is None:
            found.openings.append(range(found.events, found.events))
            opening = True
            continue
        kind, call = event
        if kind == "exit" and call.name in SYNCS:
            found.syncs.append(found.events)
        elif call.name == "write" and call.args[1].startswith(ACKNOWLEDGEMENT):
            opening = False
        found.events += 1
        if opening:
            found.openings[-1] = range(found.openings[-1].start, found.events)
    return found


def events(traces: Sequence[str]) -> Iterator[strace.Event | None]:
    """Yields the events of processes that followed each other, None at the start of each."""
    for trace in traces:
        yield None
        yield from strace.read(trace)


def play(traces: Sequence[str], disk: Disk, ledger: Ledger, cuts: Sequence[int], check: Check) -> None:
    """Walks the traces once, with a check at each cut."""
    waiting = collections.deque(cuts)
    for at, event in enumerate(events(traces)):
        while waiting and waiting[0] == at:
            check(waiting.popleft(), disk, bytes(ledger.data))
        if event is None:
            disk.new_process()
            ledger.new_process()
        elif event[0] == "enter":
            ledger.enter(event[1])
            disk.enter(event[1])
        else:
            ledger.exit(event[1])
            disk.exit(event[1])
    disk.compare(disk.root)


class Simulation:
    """One run of the simulator: lives, each a recording and the power losses within it."""

    def __init__(self, options: argparse.Namespace, seed: int, work: str) -> None:
        self._options, self._seed, self._work = options, seed, work
        self._rng = random.Random(seed)
        self._start: str | None = None
        self._start_ledger = b""
        self._successor: bytes | None = None
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.totals: collections.Counter[str] = collections.Counter()

    def run(self) -> None:
        """Lives through all lives; each but the first begins with a crashed copy of the last."""
        lives, rounds = self._options.lives, self._options.rounds
        for life in range(1, lives + 1):
            self._live(life, rounds // lives + (life <= rounds % lives))
            if life < lives and self._successor is not None:
                self._start = self._path("start")
                shutil.rmtree(self._start, ignore_errors=True)
                os.rename(self._path("successor"), self._start)
                self._start_ledger, self._successor = self._successor, None

    def _live(self, life: int, rounds: int) -> None:
        data, ledger = self._path("data"), self._path("ledger")
        shutil.rmtree(data, ignore_errors=True)
        if self._start:
            shutil.copytree(self._start, data)
        with open(ledger, "wb") as file:
            file.write(self._start_ledger)
        traces = [self._record(data, ledger, run) for run in range(self._options.runs)]
        found = survey(traces)
        disk = Disk(data, self._start, SYNCS[1:] if self._options.control else ())
        cuts = found.choose_cuts(self._rng, rounds)
        play(traces, disk, Ledger(ledger, self._start_ledger), cuts, self._check)
        self.totals.update({"events": found.events, "processes": len(traces)})
        self.totals.update({f"{kind} syncs": count for kind, count in disk.syncs.items()})
        print(
            f"life {life}: {found.events} events in {len(traces)} processes, {rounds} power losses, "
            f"{disk.syncs['file']} syncs of files and {disk.syncs['directory']} of directories, "
            f"{disk.written >> 20} MiB written into {disk.used() >> 20} MiB: {dict(self.outcomes)}",
            flush=True,
        )

    def _record(self, data: str, ledger: str, run: int) -> str:
        """Records one process; of several in a life, all but the last end without closing."""
        trace = self._path(f"trace.{run}")
        command = [self._options.program, "load", "--dir", data, "--ledger", ledger]
        command += ["--seed", str(self._rng.randrange(1 << 30)), *self._options.load.split()]
        if run + 1 < self._options.runs:
            command.append("--kill")
        code = strace.record(command, trace, self._options.sync_micros)
        if code != 0:
            sys.exit(f"the load ended with {code}")
        return trace

    def _check(self, at: int, disk: Disk, ledger: bytes) -> None:
        crashed, promised = self._path("crashed"), self._path("promised")
        shutil.rmtree(crashed, ignore_errors=True)
        style = disk.pull_the_plug(self._rng, crashed)
        with open(promised, "wb") as file:
            file.write(ledger)
        # The next life begins with one of these, before the verification changes it.
        if self._rng.random() < 0.05 or self._successor is None:
            shutil.rmtree(self._path("successor"), ignore_errors=True)
            shutil.copytree(crashed, self._path("successor"))
            self._successor = ledger
        evidence = self._keep(at, crashed, promised)
        code, said = self._verify(crashed, promised)
        outcome = OUTCOMES.get(code, "panics")
        self.outcomes[outcome] += 1
        if outcome == "ok":
            if evidence:
                shutil.rmtree(evidence)
        elif sum(self.outcomes.values()) - self.outcomes["ok"] <= MOST_EXAMPLES:
            print(f"event {at} ({style}): {outcome}: {said.strip()[:400]}", flush=True)

    def _keep(self, at: int, crashed: str, promised: str) -> str | None:
        if not self._options.keep:
            return None
        kept = os.path.join(self._options.keep, f"{self._seed}-{at}")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(crashed, os.path.join(kept, "data"))
        shutil.copy(promised, os.path.join(kept, "ledger"))
        return kept

    def _verify(self, crashed: str, promised: str) -> tuple[int | None, str]:
        command = [self._options.program, "verify", "--dir", crashed, "--ledger", promised]
        try:
            ran = subprocess.run(
                command, capture_output=True, timeout=LONGEST_VERIFICATION, check=False
            )
        except subprocess.TimeoutExpired:
            return None, ""
        return ran.returncode, (ran.stdout + ran.stderr).decode(errors="replace")

    def _path(self, name: str) -> str:
        return os.path.join(self._work, name)


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="The exit code is 0 if all was well, and with --control if a round failed.",
    )
    parser.add_argument("--program", required=True, help="has the subcommands load and verify")
    parser.add_argument("--rounds", type=int, default=150, help="power losses")
    parser.add_argument("--lives", type=int, default=1, help="each begins with a crashed copy of the last")
    parser.add_argument("--runs", type=int, default=2, help="processes in one life")
    parser.add_argument("--seed", type=int, help="repeats the choices, not the scheduler's")
    parser.add_argument(
        "--sync-micros", type=int, default=2000, help="how long an fdatasync takes: it fills batches"
    )
    parser.add_argument("--load", default="", help="further arguments of load")
    parser.add_argument("--keep", help="keep failing directories below this one")
    parser.add_argument("--work", help="where to put the temporary directory")
    parser.add_argument(
        "--control", action="store_true", help="a disk that ignores fdatasync; insist on a failed round"
    )
    return parser.parse_args()


def main() -> int:
    """Runs the simulation and says what came of it."""
    options = parse()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}{', control' if options.control else ''}", flush=True)
    with tempfile.TemporaryDirectory(prefix="power-loss-", dir=options.work) as work:
        simulation = Simulation(options, seed, work)
        simulation.run()
    outcomes = simulation.outcomes
    print(f"{outcomes.total()} rounds, seed {seed}: {dict(outcomes)}; {dict(simulation.totals)}")
    if options.control:
        return 0 if outcomes.total() > outcomes["ok"] else 1
    return 0 if set(outcomes) == {"ok"} else 1


if __name__ == "__main__":
    sys.exit(main())
