"""Has verifiers of other people read jeton's signed access tokens, while its keys are rotated.

Usage: run.py JETON ENVOY INSTALLED, where INSTALLED is the directory with what tests/jwt.sh builds and installs.
NODE_MODULES names the directory with jose.
"""

import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from forgeries import OF_ANOTHER_TYPE, forgeries, part
from server import LIMIT, Jeton, until
from verifiers import ALGORITHMS, Verifier, all_of_them, end


def check(verifiers: list[Verifier], token: str, keys: Path) -> int:
    """Has each verifier read a good token and every forgery of it, and the good one again: a key set that is
    asked for anew because of a forgery is as good as the one before. Answers the number of refusals."""
    algorithm, refused = part(token, 0)["alg"], 0
    forged = forgeries(token, keys)
    for each in verifiers:
        knows = algorithm in each.algorithms
        assert each.accepts(token) == knows, f"{each.name} judged a token by {algorithm} otherwise"
        for name, forgery in forged.items():
            if name != OF_ANOTHER_TYPE or each.sees_type:
                assert not each.accepts(forgery), f"{each.name} took a token {name}, by {algorithm}"
                refused += 1
        assert each.accepts(token) == knows, f"{each.name} judged a token by {algorithm} otherwise later"
    return refused


def run(program: str, envoy: str, installed: Path, algorithm: str, following: str, home: Path) -> None:
    jeton = Jeton(program, home, algorithm)
    verifiers: list[Verifier] = []
    try:
        verifiers = all_of_them(jeton, installed, envoy)
        token = jeton.token()
        assert part(token, 0)["kid"] == jeton.first
        refused = check(verifiers, token, home / "keys")
        added = jeton.add(following)
        until("the key to be published", lambda: len(jeton.jwks()["keys"]) == 2)
        jeton.key("activate", added)
        accepted: Counter[str] = Counter()

        def is_rotated() -> bool:
            issued = jeton.token()
            for each in verifiers:
                for read in (issued, token):
                    by = part(read, 0)["alg"]
                    if by in each.algorithms:
                        assert each.accepts(read), f"{each.name} refused {by} while {following} followed {algorithm}"
                        accepted[each.name] += 1
            return part(issued, 0)["kid"] == added

        until("the next key to sign", is_rotated)
        refused += check(verifiers, jeton.token(), home / "keys")
        read = ", ".join(f"{name} {count}" for name, count in accepted.items())
        print(f"{algorithm}, then {following}: tokens taken while the keys changed, and none refused: {read}")
        print(f"{algorithm}, then {following}: {refused} forgeries refused, and none taken")
    except BaseException:
        for log in [home / "log", *home.glob("*.log")]:
            print(f"--- {log.name}", log.read_text(errors="replace")[-4000:], file=sys.stderr)
        raise
    finally:
        end(verifiers)
        jeton.process.terminate()
        jeton.process.wait(LIMIT)


def main() -> None:
    program, envoy, installed = (os.path.abspath(name) for name in sys.argv[1:4])
    for algorithm, following in zip(ALGORITHMS, [*ALGORITHMS[1:], ALGORITHMS[0]]):
        with tempfile.TemporaryDirectory() as home:
            run(program, envoy, Path(installed), algorithm, following, Path(home))


if __name__ == "__main__":
    main()
