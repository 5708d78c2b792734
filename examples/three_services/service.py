"""A service that is called through its Envoy, and calls the next one for the same user.

    service.py NAME PORT [--next NAME PORT --agent SOCKET]

Envoy and its agent have judged the token of each request before it comes here. For the next call the agent
exchanges that token. The service shows its certificate, NAME.pem, to the next Envoy: the token is bound to it.
"""

import argparse
import http.client
import json
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from exchange import exchange

options = argparse.ArgumentParser()
options.add_argument("name")
options.add_argument("port", type=int)
options.add_argument("--next", nargs=2, metavar=("NAME", "PORT"))
options.add_argument("--agent")
given = options.parse_args()


def call_next(shown: str) -> tuple[int, dict]:
    """Answers with what the next service says."""
    name, port = given.next
    status, token = exchange(given.agent, shown, name)
    if status != 200:
        # The token has ended since Envoy let the request pass, or nothing is known of it.
        return (401 if status == 400 else 503), {}
    context = ssl.create_default_context(cafile="ca.pem")
    context.load_cert_chain(f"{given.name}.pem", f"{given.name}.key")
    connection = http.client.HTTPSConnection("localhost", int(port), timeout=5, context=context)
    connection.request("GET", "/", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    return answer.status, json.loads(said) if answer.status == 200 else {}


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are written one after the other: the second must not wait for an acknowledgement.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        said = {"service": given.name, "client": self.headers["x-jeton-client-id"]}
        said |= {"user": self.headers["x-jeton-username"], "scope": self.headers["x-jeton-scope"]}
        status = 200
        if given.next:
            status, said["next"] = call_next(self.headers["authorization"].split(" ")[1])
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", given.port), Service).serve_forever()
