"""Exchanges, at the agent beside a service, the token that the service was called with (RFC 8693)."""

import http.client
import json
import socket
import urllib.parse

URN = "urn:ietf:params:oauth:"


class Agent(http.client.HTTPConnection):
    """A connection to an agent's HTTP socket."""

    def __init__(self, path: str) -> None:
        super().__init__("agent", timeout=5)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def exchange(agent: str, shown: str, audience: str) -> tuple[int, str]:
    """Answers with 200 and a token for `audience`, or with a status and no token: 400 if `shown` is no good."""
    form = {"grant_type": URN + "grant-type:token-exchange", "audience": audience}
    form |= {"subject_token": shown, "subject_token_type": URN + "token-type:access_token"}
    connection = Agent(agent)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/oauth/token", urllib.parse.urlencode(form), headers)
    answer = connection.getresponse()
    said = json.load(answer)
    connection.close()
    return answer.status, said.get("access_token", "")
