"""SIGKILL under load, again and again, against a ledger of what was acknowledged.

    kill9.py [ROUNDS] [--seed N]

Several connections issue, refresh and revoke as fast as they can, and ask for the same revocation
or the same refresh a second time; one more administers (`kill9_admin`). Every answer that arrived goes into the ledger; what was asked
and not answered is noted as open, because either outcome is right. Then the server is killed, is
started again on the same data, and has to agree with the ledger:

* an acknowledged grant is active, under the newest pair that was acknowledged;
* an acknowledged refresh, asked again, gives the identical pair;
* an acknowledged revocation holds, for good: some of earlier rounds are asked again in every later
  one, and all after the last;
* an open refresh, asked again, succeeds: whether it had happened or not;
* users and clients are as the last answer left them, and what a change ended stays ended.

Prints the seed and the counts; exits 1 if anything was lost or came back to life.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from api import ADMIN_SERVICE, Api, Refused, Schema, basic, connect
from kill9_admin import Administrator
from secret_ledger import invent
from server import Server, Settings, fleet, wait_until

CALLERS = 6

# Acknowledged answers after which a round may end, drawn for each.
ANSWERS_A_ROUND = (50, 600)

# Live grants of one user: more would take longer to look at than to make. The client's limit is far
# above, so that logins which were not answered, and may have happened, never make it end others.
GRANTS_A_USER = 60

# Grants that nobody has asked for since the last kill are looked at by so many in each round, and
# all of them after the last: a thousand rounds make too many for more.
OLD_GRANTS_A_ROUND = 100

# Well inside the default retry window of 60 s: later than this a retry is a replay, and ends the
# grant.
RETRY_WITHIN = 40.0


@dataclass(frozen=True)
class Pair:
    access: str
    refresh: str


@dataclass
class Grant:
    """One grant as its answers left it. Only the caller that owns it asks for changes."""

    grant_id: str
    user: str | None
    pair: Pair
    parent: Pair | None = None
    refreshed_at: float = 0.0
    refresh_open: bool = False
    revoked: bool = False
    revoke_open: bool = False
    asked_since: bool = True

    def settled(self) -> bool:
        return not (self.revoke_open or self.refresh_open)

    def settled_live(self) -> bool:
        return self.settled() and not self.revoked

    def retryable(self) -> bool:
        return (
            self.parent is not None
            and self.settled_live()
            and time.monotonic() - self.refreshed_at < RETRY_WITHIN
        )


@dataclass
class Tally:
    """Counts of what happened, and every disagreement with the ledger."""

    counts: Counter[str] = field(default_factory=Counter)
    losses: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def lose(self, what: str, whom: str, detail: object = "") -> None:
        with self.lock:
            self.losses.append(f"{what}: {whom} {detail}")


class Caller:
    """One connection, its random choices and the grants it made."""

    def __init__(self, run: "Run", number: int) -> None:
        self._run = run
        self._random = random.Random(f"{run.seed}/{number}")
        self.api = Api(run.server.address, schema=run.schema)
        self.grants: list[Grant] = []
        self.lost: list[Exception] = []
        self._users = [user for at, user in enumerate(run.users) if at % CALLERS == number]

    def channels(self) -> list[grpc.Channel]:
        return [self.api.channel]

    def work(self) -> None:
        """Asks until the server is gone."""
        actions = [
            (self._login, 3),
            (self._issue_to_client, 2),
            (self._refresh, 8),
            (self._retry, 4),
            (self._revoke, 2),
            (self._revoke_again, 2),
            (self._introspect, 2),
        ]
        kinds, weights = zip(*actions, strict=True)
        try:
            while True:
                [action] = self._random.choices(kinds, weights)
                try:
                    action()
                except Refused as refused:
                    if refused.busy:
                        self._run.tally.count("busy")
                    elif refused.unanswered:
                        return
                    else:
                        raise
        except Exception as error:  # Reported by the round: a thread has nobody to raise to.
            self.lost.append(error)

    def _acknowledged(self, what: str) -> None:
        self._run.tally.count(what)
        self._run.answered()

    def _pick(self, suitable: list[Grant]) -> Grant | None:
        # The newest are asked more often: they are what a lost write would lose.
        if not suitable:
            return None
        grant = self._random.choice(suitable[-40:])
        grant.asked_since = True
        return grant

    def _login(self) -> None:
        held = Counter(grant.user for grant in self.grants if not grant.revoked)
        free = [user for user in self._users if held[user] < GRANTS_A_USER]
        if not free:
            return
        user = self._random.choice(free)
        self._issue(user, password={"username": user, "password": self._run.users[user]})

    def _issue_to_client(self) -> None:
        self._issue(None, client_credentials={})

    def _issue(self, user: str | None, **grant: object) -> None:
        answer = self.api.call("IssueToken", **self._run.orders, **grant)
        pair = Pair(answer.access_token, answer.refresh_token)
        self.grants.append(Grant(answer.grant_id, user, pair))
        self._acknowledged("issued")

    def _refresh(self) -> None:
        live = [grant for grant in self.grants if grant.user and grant.settled_live()]
        grant = self._pick(live)
        if grant is None:
            return
        grant.refresh_open = True
        pair = self.refreshed(grant.pair)
        grant.parent, grant.pair = grant.pair, pair
        grant.refreshed_at = time.monotonic()
        grant.refresh_open = False
        self._acknowledged("refreshed")

    def _retry(self) -> None:
        grant = self._pick([grant for grant in self.grants if grant.retryable()])
        if grant is not None:
            self.check_retry(grant)
            self._acknowledged("retried")

    def check_retry(self, grant: Grant) -> None:
        assert grant.parent is not None
        if self.refreshed(grant.parent) != grant.pair:
            self._run.tally.lose("a repeated refresh gave another pair", grant.grant_id)

    def _revoke(self) -> None:
        grant = self._pick([grant for grant in self.grants if grant.settled_live()])
        if grant is None:
            return
        grant.revoke_open = True
        self.revoke(grant)
        self._acknowledged("revoked")

    def revoke(self, grant: Grant) -> None:
        tokens = [token for token in (grant.pair.access, grant.pair.refresh) if token]
        token = self._random.choice(tokens)
        self.api.call("RevokeToken", **self._run.orders, token=token)
        grant.revoked, grant.revoke_open = True, False

    def _revoke_again(self) -> None:
        grant = self._pick([grant for grant in self.grants if grant.revoked])
        if grant is not None:
            self.revoke(grant)
            self._acknowledged("revoked again")

    def _introspect(self) -> None:
        grant = self._pick(self.grants)
        if grant is None or grant.revoke_open or grant.refresh_open:
            return
        if self.active(grant.pair.access) == grant.revoked:
            self._run.tally.lose("wrong while it ran", grant.grant_id)
        self._run.tally.count("introspected")

    def refreshed(self, parent: Pair) -> Pair:
        answer = self.api.call("RefreshToken", **self._run.orders, refresh_token=parent.refresh)
        return Pair(answer.access_token, answer.refresh_token)

    def active(self, token: str, kind: str = "TOKEN_KIND_ACCESS") -> bool:
        answer = self.api.call(
            "Introspect", token=token, expected_kind=kind, metadata=self._run.as_orders
        )
        return answer.active

    def verify(self) -> None:
        """Compares the round's grants and some older ones with the server, and settles what was open."""
        asked = [grant for grant in self.grants if grant.asked_since or not grant.settled()]
        old = [grant for grant in self.grants if not grant.asked_since and grant.settled()]
        self._verify_all(asked + self._random.sample(old, min(len(old), OLD_GRANTS_A_ROUND)))

    def verify_last(self) -> None:
        """Compares every grant of this caller with the server."""
        self._verify_all(self.grants)

    def _verify_all(self, grants: list[Grant]) -> None:
        try:
            for grant in grants:
                while not self._verified(grant):
                    pass
                grant.asked_since = False
        except Exception as error:  # As in work.
            self.lost.append(error)

    def _verified(self, grant: Grant) -> bool:
        """Whether the server had time to tell: just after a start it checks everybody's secret."""
        try:
            self._verify(grant)
        except Refused as refused:
            if not refused.busy:
                raise
            time.sleep(refused.retry_after or 0.1)
            return False
        return True

    def _verify(self, grant: Grant) -> None:
        tally = self._run.tally
        if grant.revoke_open:
            alive = self.active(grant.pair.access)
            tally.count("open revocation, alive" if alive else "open revocation, dead")
            self.revoke(grant)
        if grant.revoked:
            self._verify_dead(grant)
        elif grant.refresh_open:
            self._settle_refresh(grant)
        else:
            self._verify_live(grant)

    def _verify_dead(self, grant: Grant) -> None:
        for pair in filter(None, (grant.pair, grant.parent)):
            if self.active(pair.access):
                self._run.tally.lose("an access token came back to life", grant.grant_id)
            if pair.refresh and self.active(pair.refresh, "TOKEN_KIND_REFRESH"):
                self._run.tally.lose("a refresh token came back to life", grant.grant_id)
        self._run.tally.count("verified dead")

    def _verify_live(self, grant: Grant) -> None:
        if not self.active(grant.pair.access):
            self._run.tally.lose("an acknowledged access token is lost", grant.grant_id)
        if grant.pair.refresh and not self.active(grant.pair.refresh, "TOKEN_KIND_REFRESH"):
            self._run.tally.lose("an acknowledged refresh token is lost", grant.grant_id)
        if grant.retryable():
            try:
                self.check_retry(grant)
                self._run.tally.count("verified by a retry")
            except Refused as refused:
                self._run.tally.lose("a repeated refresh was refused", grant.grant_id, refused)
        self._run.tally.count("verified live")

    def _settle_refresh(self, grant: Grant) -> None:
        try:
            pair = self.refreshed(grant.pair)
        except Refused as refused:
            self._run.tally.lose("an open refresh could not be asked again", grant.grant_id, refused)
            grant.revoke_open = True
            return
        grant.parent, grant.pair = grant.pair, pair
        grant.refreshed_at = time.monotonic()
        grant.refresh_open = False
        self._run.tally.count("open refresh, asked again")
        self._verify_live(grant)


class Run:
    """Rounds of load, each of which ends the server in some way and compares it with the ledger."""

    caller = Caller

    def __init__(
        self, server: Server, seed: int, users: dict[str, str], secret: str, root_secret: str
    ) -> None:
        self.server = server
        self.seed = seed
        self.users = users
        self.orders = {"client_id": "orders", "client_secret": secret}
        self.as_orders = [basic("orders", secret)]
        self.tally = Tally()
        self._random = random.Random(seed)
        self._answers = 0
        self._lock = threading.Lock()
        server.start()
        with connect(server.address) as channel:
            self.schema = Schema(channel)
            administration = Schema(channel, ADMIN_SERVICE)
        self.administrator = Administrator(
            server.address,
            (self.schema, administration),
            (root_secret, secret),
            seed,
            self.tally,
            self.answered,
        )
        callers = [self.caller(self, number) for number in range(CALLERS)]
        self.callers: list[Caller | Administrator] = [*callers, self.administrator]

    def answered(self) -> None:
        with self._lock:
            self._answers += 1

    def round(self) -> None:
        self._answers = 0
        enough = self._random.randint(*ANSWERS_A_ROUND)
        threads = self._threads("work")
        wait_until(
            lambda: self._answers >= enough or not all(thread.is_alive() for thread in threads),
            f"{enough} answers",
            limit=120,
        )
        self.end()
        self._join(threads)
        self.server.start()
        for caller in self.callers:
            for channel in caller.channels():
                grpc.channel_ready_future(channel).result(timeout=60)
        self._join(self._threads("verify"))

    def end(self) -> None:
        """Ends the server under the load."""
        self.server.kill()

    def finish(self) -> None:
        """Looks at everything once more."""
        self._join(self._threads("verify_last"))

    def _threads(self, task: str) -> list[threading.Thread]:
        threads = [threading.Thread(target=getattr(caller, task)) for caller in self.callers]
        for thread in threads:
            thread.start()
        return threads

    def _join(self, threads: list[threading.Thread]) -> None:
        for thread in threads:
            thread.join()
        for caller in self.callers:
            if caller.lost:
                raise caller.lost[0]


def play(kind: type[Run], description: str, rounds: int, ends: str) -> int:
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("rounds", nargs="?", type=int, default=rounds)
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    given = arguments.parse_args()
    print(f"seed {given.seed}, {given.rounds} rounds", flush=True)

    secret, root_secret = invent(), invent()
    users = {f"user-{number}": invent() for number in range(2 * CALLERS)}
    settings = Settings(
        clients=[
            {
                "id": "orders",
                "secret": secret,
                "grants": ["password", "refresh_token", "client_credentials"],
                "scopes": ["read"],
                "audience": ["billing"],
                "introspect": "any",
                # A long run must not meet the end of a token, nor a user's last free grant.
                "access_token_ttl": "12h",
                "max_grants": 1_000_000,
            },
            {"id": "root", "secret": root_secret, "permissions": ["admin"]},
        ],
        users=[{"name": name, "password": password} for name, password in users.items()],
    )
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="jeton-rounds-") as home, fleet(Path(home)) as servers:
        server = servers.add("server", settings, log="info")
        run = kind(server, given.seed, users, secret, root_secret)
        done = 0
        while done < given.rounds and not run.tally.losses:
            run.round()
            done += 1
        run.finish()
        for what, count in sorted(run.tally.counts.items()):
            print(f"{count:8} {what}")
        print(f"{done:8} {ends} in {time.monotonic() - began:.0f} s, seed {given.seed}")
        for loss in run.tally.losses:
            print(f"LOST in round {done}: {loss}")
    lost = len(run.tally.losses)
    print(f"{done - bool(lost)} passed, {int(bool(lost))} failed")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(play(Run, __doc__.splitlines()[0], 20, "kills"))
