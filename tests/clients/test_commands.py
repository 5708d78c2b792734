"""The commands, as a script would use them: secrets by environment, tokens by standard input; and
as a person would, who is asked on a terminal."""

import json
import os
import re
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

import terminal
from secret_ledger import SecretLedger, invent
from server import BINARY, ROOT, Server, free_port


class Commands:
    def __init__(self, address: str, known: SimpleNamespace, ledger: SecretLedger) -> None:
        self._ledger = ledger
        self._environment = {
            **os.environ,
            "JETON_SERVER": f"http://{address}",
            "JETON_CLIENT_ID": "orders",
            "JETON_CLIENT_SECRET": known.orders,
            "JETON_PASSWORD": known.alice,
        }

    def run(self, *arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BINARY, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            input=token,
            timeout=60,
        )

    def token(self, *arguments: str, token: str = "") -> Any:
        finished = self.run("token", *arguments, "--output", "json", token=token)
        assert finished.returncode == 0, finished.stderr
        answer = json.loads(finished.stdout)
        for field in ("access_token", "refresh_token"):
            self._ledger.add(answer.get(field) or "")
        return answer

    def asked(
        self, *arguments: str, answers: list[tuple[str, str]], **variables: str | None
    ) -> tuple[int, str]:
        """The same on a terminal. A variable that is None is not set."""
        environment = {**self._environment, **variables}
        given = {name: value for name, value in environment.items() if value is not None}
        return terminal.asked([str(BINARY), *arguments], answers, given)


@pytest.fixture
def commands(server: Server, known: SimpleNamespace, ledger: SecretLedger) -> Commands:
    return Commands(server.address, known, ledger)


def test_the_token_commands_do_the_whole_cycle(commands):
    issued = commands.token("issue", "--username", "alice")
    assert commands.token("introspect", token=issued["access_token"])["active"] is True
    renewed = commands.token("refresh", token=issued["refresh_token"])
    assert renewed["access_token"] != issued["access_token"]
    commands.token("revoke", token=renewed["access_token"])
    assert commands.token("introspect", token=renewed["access_token"])["active"] is False


def test_a_client_issues_a_token_for_itself_by_command(commands):
    issued = commands.token("issue", "--scope", "audit")
    assert commands.token("introspect", token=issued["access_token"])["active"] is True


def test_what_cannot_be_a_token_exits_2_and_is_not_repeated(commands, ledger):
    finished = commands.run("token", "refresh", token=ledger.add("jrt_not1a2real3token4"))
    assert finished.returncode == 2
    assert finished.stderr.startswith("jeton: ")
    assert "not1a2real3token4" not in finished.stderr


def test_health_exits_0_where_a_server_serves_and_1_where_none_does(
    commands, server, known, ledger
):
    assert commands.run("health").returncode == 0
    nowhere = Commands(f"127.0.0.1:{free_port()}", known, ledger)
    assert nowhere.run("health").returncode == 1


@pytest.fixture
def operator(known: SimpleNamespace) -> dict[str, str]:
    return {"JETON_CLIENT_ID": "operator", "JETON_CLIENT_SECRET": known.operator}


def test_a_new_password_is_asked_for_twice_and_not_shown(commands, operator, ledger):
    password = ledger.add(invent())
    create = ("user", "create", "--name", "frida")
    answers = [("New password: ", password), ("New password again: ", "something else")]
    code, shown = commands.asked(*create, answers=answers, **operator)
    assert code == 2 and "not the same" in shown, shown
    answers = [("New password: ", password), ("New password again: ", password)]
    code, shown = commands.asked(*create, answers=answers, **operator)
    assert code == 0 and "frida" in shown, shown
    assert password not in shown
    issue = ("token", "issue", "--username", "frida", "--output", "json")
    code, shown = commands.asked(*issue, answers=[("Password: ", password)], JETON_PASSWORD=None)
    assert code == 0 and password not in shown, shown
    issued = json.loads(shown[shown.index("{") :])
    for field in ("access_token", "refresh_token"):
        ledger.add(issued[field])


def test_the_secret_of_the_client_to_call_as_is_asked_for(commands, known):
    code, shown = commands.asked(
        *("client", "get", "orders", "--client-id", "operator"),
        answers=[("Client secret: ", known.operator)],
        JETON_CLIENT_SECRET=None,
    )
    assert code == 0 and "orders" in shown, shown
    assert known.operator not in shown


def test_a_mass_revocation_is_confirmed_by_a_person(commands, operator):
    issued = commands.token("issue", "--username", "alice")
    revoke = ("grant", "revoke-all", "--user", "alice")
    code, shown = commands.asked(*revoke, answers=[("[y/N] ", "n")], **operator)
    assert code == 1 and "nothing was done" in shown, shown
    assert commands.token("introspect", token=issued["access_token"])["active"] is True
    code, shown = commands.asked(*revoke, answers=[("[y/N] ", "y")], **operator)
    assert code == 0, shown
    assert commands.token("introspect", token=issued["access_token"])["active"] is False


def test_the_version_names_the_commit_of_this_clone(commands: Commands) -> None:
    asked = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    head = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    said = commands.run("--version").stdout
    # A program that is built with changes says so.
    assert re.fullmatch(rf"jeton \d+\.\d+\.\d+ \({head}(\+changes)?\)\n", said), said
