"""Measures the issue of signed access tokens as ratios to that of opaque ones, in the same run.

    cargo build --release
    python3 benches/signed.py [--seconds 5] [--rounds 5] [--algorithms ES256,EdDSA,RS256]

Two servers differ in the format of one client's access tokens, and take turns. Each has one core, and the load
another. A signed token is issued for one service, and so is the opaque one. Keys of RS256 are made by openssl.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from command_line import parser, show
from load import Load
from ratios import compare, lines
from server import SETTINGS, Jeton

ONE_SERVICE = SETTINGS.replace("introspect =", 'audience = ["billing"]\nintrospect =')
SIGNED = ONE_SERVICE.replace("introspect =", 'access_token_format = "jwt"\nintrospect =')
# At once; with few the disk is what takes the time, with many the CPU. A signature of RS256 takes so long that
# more than a few at once are turned away.
SHAPES = ((1, 1), (8, 8), (8, 32))
SLOW_SHAPES = ((1, 1), (2, 2))


def key(given: argparse.Namespace, folder: Path, *arguments: str) -> None:
    """Adds a key to the ring of the server in `folder`."""
    command = [given.program, "key", "add", "--keys", str(folder / "keys"), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def signing(given: argparse.Namespace, folder: Path, algorithm: str) -> Jeton:
    """Starts a server whose client has access tokens that are signed by the algorithm."""
    folder.mkdir()
    key(given, folder, "--new")
    own = ["--signing", "--algorithm", algorithm]
    if algorithm == "RS256":
        pem = folder / "rsa.pem"
        options = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(pem)]
        subprocess.run(["openssl", "genpkey", "-quiet", *options], check=True)
        own += ["--import", str(pem)]
    key(given, folder, *own)
    server = Jeton(given.program, folder, settings=SIGNED)
    server.name = algorithm
    return server


def measure(given: argparse.Namespace, folder: Path, algorithm: str) -> list[dict]:
    """Compares the two servers under each load."""
    opaque, signed = folder / f"opaque-{algorithm}", folder / algorithm
    opaque.mkdir()
    servers = [signing(given, signed, algorithm), Jeton(given.program, opaque, settings=ONE_SERVICE)]
    servers[1].name = "opaque"
    try:
        shapes = SLOW_SHAPES if algorithm == "RS256" else SHAPES
        loads = [Load(f"issue, {c} × {s}", "issue", c, s) for c, s in shapes]
        return [compare(given.program, servers, load, given) for load in loads]
    finally:
        for server in servers:
            server.stop()


def main() -> None:
    """Reads the command line, measures and prints."""
    options = parser(__doc__, seconds=5, rounds=5)
    options.add_argument("--algorithms", default="ES256,EdDSA,RS256")
    given = options.parse_args()
    figures: list[dict] = []
    shown: list[str] = []
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        for algorithm in given.algorithms.split(","):
            compared = measure(given, Path(folder), algorithm)
            figures += compared
            shown += lines(compared, [algorithm, "opaque"])
    show(given, figures, shown)


if __name__ == "__main__":
    main()
