"""A service that asks the agent beside it about each token that it is shown: one a line, on standard input.

Takes where the agent listens, such as unix:/run/jeton-agent/agent.sock. The modules under jeton/ are generated
from proto/ by grpcio-tools.
"""

import sys

import grpc

from jeton.v1 import token_service_pb2 as pb
from jeton.v1.token_service_pb2_grpc import TokenServiceStub

# Of a socket's path gRPC would make a host that HTTP/2 does not allow.
LOCAL = [("grpc.default_authority", "localhost")]
agent = TokenServiceStub(grpc.insecure_channel(sys.argv[1], options=LOCAL))


def decide(token):
    try:
        known = agent.Introspect(pb.IntrospectRequest(token=token), timeout=5)
    except grpc.RpcError:
        return "not now"  # Not known to be bad: 503, never 401.
    good = known.active and "billing" in known.audience
    return f"welcome, {known.username}" if good else "refused"


for line in sys.stdin:
    print(decide(line.strip()), flush=True)
