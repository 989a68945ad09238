"""Follows the keys with PyJWT's PyJWKClient; see drill.mjs for the commands on standard input."""

import json
import os
import random
import sys
import threading
import time

import jwt

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]
KEPT_SECONDS = 8
# PyJWKClient looks at no Cache-Control, so its age is set to what the server says.
keys = jwt.PyJWKClient(os.environ["JWKS_URL"], lifespan=int(os.environ["CACHE_SECONDS"]))

lock = threading.Lock()
state = {"verified": 0, "failed": 0, "reasons": {}}
kept = []


def accept(token):
    key = keys.get_signing_key_from_jwt(token)
    jwt.decode(token, key, issuer=ISSUER, audience=AUDIENCE, algorithms=["EdDSA"], leeway=5)


def verify(token):
    try:
        accept(token)
        state["verified"] += 1
    except Exception as error:  # every one counts
        state["failed"] += 1
        reason = f"{type(error).__name__}: {error}"
        state["reasons"][reason] = state["reasons"].get(reason, 0) + 1


def answer(value):
    print(json.dumps(value), flush=True)


def load():
    while True:
        time.sleep(1 / int(os.environ["LOAD"]))
        with lock:
            kept[:] = [(at, token) for at, token in kept if at > time.time() - KEPT_SECONDS]
            if kept:
                verify(random.choice(kept)[1])


def watch(token):
    while True:
        with lock:
            try:
                accept(token)
            except jwt.PyJWKClientConnectionError:
                pass
            except jwt.PyJWKClientError:
                break
        time.sleep(0.05)
    answer({"refused": int(time.time() * 1000)})


threading.Thread(target=load, daemon=True).start()
for line in sys.stdin:
    word, _, token = line.strip().partition(" ")
    with lock:
        if word == "verify":
            kept.append((time.time(), token))
            verify(token)
        elif word == "forget":
            kept.clear()
        elif word == "report":
            answer(dict(state))
            state.update(verified=0, failed=0, reasons={})
        elif word == "watch":
            kept.clear()
            threading.Thread(target=watch, args=(token,), daemon=True).start()
