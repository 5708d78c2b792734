"""Posts with httpx, one client with a pool, from several threads: ADDRESS WORKERS REQUESTS PAUSE."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

ADDRESS, WORKERS, REQUESTS, PAUSE = sys.argv[1], *map(int, sys.argv[2:])
FORM = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo-secret"}


def work(client: httpx.Client) -> int:
    answered = 0
    for number in range(REQUESTS):
        if number:
            time.sleep(PAUSE)
        try:
            answer = client.post(f"http://{ADDRESS}/oauth/token", data=FORM)
        except httpx.HTTPError as error:
            print(f"httpx: {error!r}", file=sys.stderr)
            continue
        if answer.status_code == 200:
            answered += 1
        else:
            print(f"httpx: {answer.status_code}", file=sys.stderr)
    return answered


# httpx itself keeps a connection for five seconds, and so could never meet its end.
with httpx.Client(limits=httpx.Limits(keepalive_expiry=90), timeout=30) as client:
    with ThreadPoolExecutor(WORKERS) as pool:
        answered = sum(pool.map(work, [client] * WORKERS))
print(f"httpx: {answered} of {WORKERS * REQUESTS} answered")
sys.exit(answered != WORKERS * REQUESTS)
