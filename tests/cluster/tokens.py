"""Asks keystone for tokens again and again, each time by a new connection, until its input ends.

Prints `begun`, and at its end: how many requests, how many failed, how many seconds the slowest took, for
how many seconds it asked, and the first failure.
"""

import os
import sys
import threading
import time

import requests

PASSWORD = {"user": {"name": os.environ["OS_USERNAME"], "password": os.environ["OS_PASSWORD"],
                     "domain": {"name": os.environ["OS_USER_DOMAIN_NAME"]}}}  # fmt: skip
SCOPE = {"project": {"name": os.environ["OS_PROJECT_NAME"],
                     "domain": {"name": os.environ["OS_PROJECT_DOMAIN_NAME"]}}}  # fmt: skip
BODY = {"auth": {"identity": {"methods": ["password"], "password": PASSWORD}, "scope": SCOPE}}


def ask():
    """Why a request fails, or nothing."""
    try:
        answer = requests.post(os.environ["OS_AUTH_URL"] + "/auth/tokens", json=BODY, timeout=30)
    except requests.RequestException as error:
        return type(error).__name__ + ": " + str(error)[:200]
    return "" if answer.status_code == 201 else f"status {answer.status_code}"


ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
asked, failed, slowest, first, since = 0, 0, 0, "", time.monotonic()
print("begun", flush=True)
while not ended.is_set():
    asked += 1
    begun = time.monotonic()
    problem = ask()
    slowest = max(slowest, time.monotonic() - begun)
    if problem:
        failed += 1
        at = time.strftime("%H:%M:%S", time.gmtime())
        print(f"{at} {problem}", file=sys.stderr, flush=True)
        first = first or f"request {asked} at {at}: {problem}"
    # Often enough to meet each moment of a restart, and so that others come to work.
    ended.wait(0.1)
print(f"{asked} {failed} {slowest:.1f} {time.monotonic() - since:.0f} {first}", flush=True)
