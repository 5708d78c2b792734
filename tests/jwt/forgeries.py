"""Access tokens that no verifier may take, made of a good one."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

KINDS = {"ES256": (ECKey, "P-256"), "EdDSA": (OKPKey, "Ed25519"), "RS256": (RSAKey, 2048)}


def part(token: str, at: int) -> dict:
    """A part of a token: 0 is the header, 1 the claims."""
    return json.loads(base64.urlsafe_b64decode(token.split(".")[at] + "=="))


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def message(header: dict, claims: dict) -> str:
    return ".".join(encoded(json.dumps(each).encode()) for each in (header, claims))


def signed(header: dict, claims: dict, key: Key) -> str:
    return jws.serialize_compact(header, json.dumps(claims), key, algorithms=[header["alg"]])


def forgeries(token: str, keys: Path) -> dict[str, str]:
    """Forgeries by their names. `keys` has the keys that the server signs with: what differs from a good token
    in its claims alone is signed by the right one."""
    header, claims = part(token, 0), part(token, 1)
    signature = token.split(".")[2]
    kind, size = KINDS[header["alg"]]
    own = kind.import_key((keys / f"{header['kid']}.pem").read_text())
    other = kind.generate_key(size, auto_kid=False)
    confused = message({**header, "alg": "HS256"}, claims)
    secret = own.as_pem(private=False)
    return {
        "good but for its signature's maker": signed(header, claims, other),
        "with another claim": f"{message(header, {**claims, 'scope': 'admin'})}.{signature}",
        "without a signature": f"{message(header, claims)}.",
        "without an algorithm": f"{message({**header, 'alg': 'none'}, claims)}.",
        "signed with the public key as a secret":
            f"{confused}.{encoded(hmac.digest(secret, confused.encode(), hashlib.sha256))}",
        "of an unknown key": signed({**header, "kid": other.thumbprint()}, claims, other),
        "that brings its key along":
            signed({**header, "kid": other.thumbprint(), "jwk": other.as_dict(private=False)}, claims, other),
        "that has expired":
            signed(header, {**claims, "iat": claims["iat"] - 3_600, "exp": claims["exp"] - 3_600}, own),
        "for another service": signed(header, {**claims, "aud": "shipping"}, own),
        "of another issuer": signed(header, {**claims, "iss": "https://tokens.example.com"}, own),
        **another_type(token, keys),
    }


OF_ANOTHER_TYPE = "of another type"


def another_type(token: str, keys: Path) -> dict[str, str]:
    """A token of the same claims that is no access token by its type, which not every verifier looks at."""
    header, claims = part(token, 0), part(token, 1)
    own = KINDS[header["alg"]][0].import_key((keys / f"{header['kid']}.pem").read_text())
    return {OF_ANOTHER_TYPE: signed({**header, "typ": "logout+jwt"}, claims, own)}
