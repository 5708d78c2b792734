"""A service that gets, from the agent beside it, the token with which it calls billing for the user of a call.

Takes where the agent listens, such as unix:/run/jeton-agent/agent.sock, and the token of the call on standard input.
"""

import sys

import grpc
from jeton.v1 import token_service_pb2 as pb
from jeton.v1.token_service_pb2_grpc import TokenServiceStub

agent = TokenServiceStub(grpc.insecure_channel(sys.argv[1], options=[("grpc.default_authority", "localhost")]))
shown = pb.TokenExchangeGrant(subject_token=sys.stdin.readline().strip())
try:
    print(agent.IssueToken(pb.IssueTokenRequest(token_exchange=shown, audience=["billing"]), timeout=5).access_token)
except grpc.RpcError as error:
    print(error.details())
