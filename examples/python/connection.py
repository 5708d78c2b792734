"""The token service, and the client to call it as, as the environment names them.

JETON_CLIENT_ID and JETON_CLIENT_SECRET are the client's. JETON_CA is a PEM file with the CA that has issued
the server's certificate; without it there is no TLS, as on one machine or where a mesh does it.
"""

import base64
import os
from pathlib import Path
from urllib.parse import quote

import grpc

CLIENT_ID = os.environ["JETON_CLIENT_ID"]
CLIENT_SECRET = os.environ["JETON_CLIENT_SECRET"]


def channel(address):
    ca = os.environ.get("JETON_CA")
    if ca is None:
        return grpc.insecure_channel(address)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(Path(ca).read_bytes()))


def basic():
    """Metadata that authenticates the client (RFC 6749 §2.3.1)."""
    pair = f"{quote(CLIENT_ID, safe='')}:{quote(CLIENT_SECRET, safe='')}"
    return [("authorization", "Basic " + base64.b64encode(pair.encode()).decode())]
