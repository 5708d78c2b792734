"""The administrator of kill9.py: users and clients that are made, changed and deleted under the kill.

Each change is one call that may be asked again. What was asked and not answered is pending: after
the restart it is asked again, and from then on it has happened. What was answered must be there
after every later restart, and what it ended must never come back.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc

from api import Api, Refused, Schema, basic
from secret_ledger import invent

# Few, because each is looked at after every kill and a login costs a hash.
USERS = 5
CLIENTS = 3

# Grants of one user that are looked at.
GRANTS = 6


@dataclass
class User:
    """A user as the answers left it. `dead` are tokens that must stay so."""

    name: str
    password: str
    user_id: str = ""
    disabled: bool = False
    former_password: str = ""
    live: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    pending: Callable[[], None] | None = None

    def end_grants(self) -> None:
        self.dead = (self.dead + self.live)[-GRANTS:]
        self.live = []


@dataclass
class Client:
    """A client as the answers left it."""

    client_id: str
    secrets: list[str] = field(default_factory=list)
    former_secret: str = ""
    disabled: bool = False
    live: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    pending: Callable[[], None] | None = None

    def end_grants(self) -> None:
        self.dead = (self.dead + self.live)[-GRANTS:]
        self.live = []


class Tally(Protocol):
    def count(self, what: str) -> None: ...

    def lose(self, what: str, whom: str, detail: object = "") -> None: ...


class Administrator:
    """One connection to each service, and everybody it made."""

    def __init__(
        self,
        address: str,
        schemas: tuple[Schema, Schema],
        secrets: tuple[str, str],
        seed: int,
        tally: Tally,
        answered: Callable[[], None],
    ) -> None:
        tokens, administration = schemas
        self.api = Api(address, schema=tokens)
        self.lost: list[Exception] = []
        self._admin = Api(address, schema=administration)
        self._as_root = [basic("root", secrets[0])]
        self._orders_secret = secrets[1]
        self._random = random.Random(f"{seed}/administrator")
        self._tally = tally
        self._answered = answered
        self._made = 0
        self._users: list[User] = []
        self._clients: list[Client] = []
        self._deleted: list[str] = []

    def channels(self) -> list[grpc.Channel]:
        return [self.api.channel, self._admin.channel]

    def work(self) -> None:
        """Asks until the server is gone."""
        try:
            while True:
                try:
                    self._act()
                except Refused as refused:
                    if refused.unanswered:
                        return
                    if not refused.busy:
                        raise
        except Exception as error:  # Reported by the round: a thread has nobody to raise to.
            self.lost.append(error)

    def verify(self) -> None:
        """Asks again what is pending, then compares everybody with the ledger."""
        try:
            for user in list(self._users):
                self._settle(user)
            for client in list(self._clients):
                self._settle(client)
            for user in self._users:
                self._verify_user(user)
            for client in self._clients:
                self._verify_client(client)
            for user_id in self._deleted[-GRANTS:]:
                self._expect(not self._exists(user_id=user_id), "a deleted user is back", user_id)
        except Exception as error:  # As in work.
            self.lost.append(error)

    def verify_last(self) -> None:
        """The same: everybody is looked at each time."""
        self.verify()

    def _act(self) -> None:
        if len(self._users) < USERS:
            self._begin(self._new_user(), "user created")
        elif len(self._clients) < CLIENTS:
            self._begin(self._new_client(), "client created")
        elif self._random.random() < 0.6:
            user = self._random.choice(self._users)
            what, ask = self._random.choice(self._user_changes(user))
            user.pending = ask
            self._begin(user, what)
        else:
            client = self._random.choice(self._clients)
            what, ask = self._random.choice(self._client_changes(client))
            client.pending = ask
            self._begin(client, what)

    def _begin(self, whom: User | Client, what: str) -> None:
        self._finish(whom)
        self._tally.count(what)
        self._answered()

    def _finish(self, whom: User | Client) -> None:
        """Does what is pending. An answer, and nothing else, makes it done."""
        assert whom.pending is not None
        while True:
            try:
                whom.pending()
            except Refused as refused:
                if refused.busy:
                    continue
                raise
            whom.pending = None
            return

    def _settle(self, whom: User | Client) -> None:
        if whom.pending is not None:
            self._finish(whom)
            self._tally.count("open change, asked again")

    def _call(self, method: str, **fields: Any) -> Any:
        return self._admin.call(method, metadata=self._as_root, **fields)

    def _new_user(self) -> User:
        self._made += 1
        user = User(f"made-{self._made}", invent())
        user.pending = lambda: self._create_user(user)
        self._users.append(user)
        return user

    def _create_user(self, user: User) -> None:
        try:
            made = self._call("CreateUser", user={"username": user.name}, password=user.password)
        except Refused as refused:
            if refused.code is not grpc.StatusCode.ALREADY_EXISTS:
                raise
            # It had happened, and only its answer was lost.
            made = self._call("GetUser", username=user.name)
        user.user_id = made.user.user_id

    def _user_changes(self, user: User) -> list[tuple[str, Callable[[], None]]]:
        changes = [
            ("password set", self._new_password(user)),
            ("grants of a user revoked", lambda: self._revoke_all(user)),
            ("user deleted", lambda: self._delete(user)),
        ]
        if user.disabled:
            return [("user enabled", lambda: self._disable(user, False)), changes[-1]]
        login = ("user logged in", lambda: self._log_in(user))
        return [*changes, login, login, login, ("user disabled", lambda: self._disable(user, True))]

    def _new_password(self, user: User) -> Callable[[], None]:
        password = invent()

        def ask() -> None:
            self._call("SetUserPassword", user_id=user.user_id, password=password)
            user.former_password, user.password = user.password, password
            user.end_grants()

        return ask

    def _revoke_all(self, user: User) -> None:
        self._call("RevokeGrants", subject=user.user_id)
        user.end_grants()

    def _disable(self, user: User, disabled: bool) -> None:
        self._call("DisableUser" if disabled else "EnableUser", user_id=user.user_id)
        user.disabled = disabled
        if disabled:
            user.end_grants()

    def _delete(self, user: User) -> None:
        try:
            self._call("DeleteUser", user_id=user.user_id)
        except Refused as refused:
            if refused.code is not grpc.StatusCode.NOT_FOUND:
                raise
        user.end_grants()
        self._users.remove(user)
        self._deleted.append(user.user_id)
        for token in user.dead:
            self._expect(not self._active(token), "a deleted user's grant lives", user.name)

    def _log_in(self, user: User) -> None:
        if len(user.live) == GRANTS:
            self._revoke_all(user)
        token = self._issue("orders", self._orders_secret, user)
        user.live.append(token)

    def _new_client(self) -> Client:
        self._made += 1
        client = Client(f"made-{self._made}")
        client.pending = lambda: self._create_client(client)
        self._clients.append(client)
        return client

    def _create_client(self, client: Client) -> None:
        record = {
            "client_id": client.client_id,
            "grant_types": ["GRANT_TYPE_CLIENT_CREDENTIALS"],
            "scopes": ["read"],
            # A long run must not meet the end of a token.
            "access_token_ttl": {"seconds": 12 * 60 * 60},
        }
        try:
            made = self._call("CreateClient", client=record)
            client.secrets = [made.client_secret]
        except Refused as refused:
            if refused.code is not grpc.StatusCode.ALREADY_EXISTS:
                raise
            # It had happened, and its secret went with the answer.
            self._rotate(client, known=False)

    def _client_changes(self, client: Client) -> list[tuple[str, Callable[[], None]]]:
        if client.disabled:
            return [("client enabled", lambda: self._disable_client(client, False))]
        issue = ("client's own token issued", lambda: self._issue_to(client))
        return [
            ("secret rotated", self._rotation(client)),
            ("client disabled", lambda: self._disable_client(client, True)),
            issue,
            issue,
        ]

    def _rotation(self, client: Client) -> Callable[[], None]:
        """The first answer leaves two secrets; after one that was lost, nobody knows the other."""
        asked = False

        def ask() -> None:
            nonlocal asked
            again, asked = asked, True
            self._rotate(client, known=not again)

        return ask

    def _rotate(self, client: Client, *, known: bool) -> None:
        secret = self._call("RotateClientSecret", client_id=client.client_id).client_secret
        if len(client.secrets) == 2:
            client.former_secret = client.secrets[0]
        client.secrets = [*client.secrets[-1:], secret] if known else [secret]

    def _disable_client(self, client: Client, disabled: bool) -> None:
        self._call(
            "UpdateClient",
            client={"client_id": client.client_id, "disabled": disabled},
            update_mask={"paths": ["disabled"]},
        )
        client.disabled = disabled
        if disabled:
            client.end_grants()

    def _issue_to(self, client: Client) -> None:
        token = self._issue(client.client_id, client.secrets[-1], None)
        client.live = [*client.live, token][-GRANTS:]

    def _issue(self, client_id: str, secret: str, user: User | None, password: str = "") -> str:
        credentials: dict[str, Any] = {"client_credentials": {}}
        if user is not None:
            password = password or user.password
            credentials = {"password": {"username": user.name, "password": password}}
        while True:
            try:
                answer = self.api.call(
                    "IssueToken", client_id=client_id, client_secret=secret, **credentials
                )
            except Refused as refused:
                if refused.busy and "lock" not in refused.text:
                    continue
                raise
            return answer.access_token

    def _active(self, token: str) -> bool:
        metadata = [basic("orders", self._orders_secret)]
        return self.api.call("Introspect", token=token, metadata=metadata).active

    def _exists(self, **named: str) -> bool:
        try:
            self._call("GetUser", **named)
        except Refused as refused:
            if refused.code is grpc.StatusCode.NOT_FOUND:
                return False
            raise
        return True

    def _expect(self, holds: bool, what: str, whom: str) -> None:
        if not holds:
            self._tally.lose(what, whom)

    def _verify_user(self, user: User) -> None:
        found = self._call("GetUser", user_id=user.user_id).user
        self._expect(found.username == user.name, "another name", user.name)
        self._expect(found.disabled == user.disabled, "disabled or not is lost", user.name)
        self._verify_tokens(user.live, user.dead, user.name)
        if user.disabled:
            # Asked once in a while: a login that fails counts towards a lockout.
            return
        if user.former_password:
            refused = self._refused(lambda: self._former_login(user))
            self._expect(refused, "a former password is good again", user.name)
            user.former_password = ""
        self._expect(not self._refused(lambda: self._log_in(user)), "the password is lost", user.name)
        self._tally.count("verified user")

    def _former_login(self, user: User) -> None:
        self._issue("orders", self._orders_secret, user, user.former_password)

    def _verify_client(self, client: Client) -> None:
        found = self._call("GetClient", client_id=client.client_id).client
        self._expect(found.disabled == client.disabled, "disabled or not is lost", client.client_id)
        self._verify_tokens(client.live, client.dead, client.client_id)
        for secret in client.secrets:
            refused = self._refused(lambda secret=secret: self._issue(client.client_id, secret, None))
            self._expect(refused == client.disabled, "a secret is lost", client.client_id)
        if client.former_secret:
            former = client.former_secret
            refused = self._refused(lambda: self._issue(client.client_id, former, None))
            self._expect(refused, "a former secret is good again", client.client_id)
        self._tally.count("verified client")

    def _verify_tokens(self, live: list[str], dead: list[str], whom: str) -> None:
        for token in live:
            self._expect(self._active(token), "an acknowledged grant is lost", whom)
        for token in dead:
            self._expect(not self._active(token), "an ended grant came back to life", whom)

    def _refused(self, ask: Callable[[], object]) -> bool:
        try:
            ask()
        except Refused as refused:
            if refused.code is grpc.StatusCode.UNAUTHENTICATED:
                return True
            raise
        return False
