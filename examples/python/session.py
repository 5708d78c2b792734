"""Issues, introspects and revokes tokens, and hears of revocations, also of those that it missed.

Takes the server's address. The environment names the client, as connection.py says, and JETON_USER and
JETON_PASSWORD the user. The modules under jeton/ are generated from proto/ by grpcio-tools.
"""

import os
import sys

from connection import CLIENT_ID, CLIENT_SECRET, basic, channel
from jeton.v1 import token_service_pb2 as pb
from jeton.v1 import token_service_pb2_grpc

CLIENT = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
USER = {"username": os.environ["JETON_USER"], "password": os.environ["JETON_PASSWORD"]}
BASIC = basic()
SECONDS = 10


class Session:
    def __init__(self, address):
        self.stub = token_service_pb2_grpc.TokenServiceStub(channel(address))

    def log_in(self, scopes=()):
        password = pb.PasswordGrant(**USER)
        request = pb.IssueTokenRequest(password=password, scopes=scopes, **CLIENT)
        return self.stub.IssueToken(request, timeout=SECONDS)

    def introspect(self, token):
        request = pb.IntrospectRequest(token=token)
        return self.stub.Introspect(request, metadata=BASIC, timeout=SECONDS)

    def revoke(self, token):
        self.stub.RevokeToken(pb.RevokeTokenRequest(token=token, **CLIENT), timeout=SECONDS)

    def end_of_feed(self):
        request = pb.GetRevocationCursorRequest()
        return self.stub.GetRevocationCursor(request, metadata=BASIC, timeout=SECONDS).cursor

    def watch(self, cursor):
        request = pb.WatchRevocationsRequest(cursor=cursor)
        return self.stub.WatchRevocations(request, metadata=BASIC, timeout=SECONDS)


def wait_for(watch, grant_id):
    """Reads until the end of a grant is reported, and returns the cursor to resume from."""
    for response in watch:
        ended = [revocation.grant_ended.grant_id for revocation in response.revocations]
        if grant_id in ended:
            return response.cursor
    raise EOFError("the watch ended")


def main():
    session = Session(sys.argv[1])

    first = session.log_in()
    answer = session.introspect(first.access_token)
    print("active:", answer.username, *answer.scopes)

    watch = session.watch(session.end_of_feed())
    session.revoke(first.access_token)
    cursor = wait_for(watch, first.grant_id)
    print("revoked: the watch says so")
    watch.cancel()

    second = session.log_in()
    session.revoke(second.access_token)
    wait_for(session.watch(cursor), second.grant_id)
    print("resumed: nothing was missed")

    print("active now:", str(session.introspect(first.access_token).active).lower())


if __name__ == "__main__":
    main()
