"""PyJWT on the tokens that `speed` wrote: prints {"library","alg","nanoseconds"} for each."""

import json
import sys
import time

import jwt

with open(sys.argv[1], encoding="utf-8") as file:
    items = json.load(file)
for item in items:
    key = jwt.PyJWKSet.from_json(item["jwks"]).keys[0]
    expected = {"algorithms": [item["alg"]], "issuer": item["issuer"], "audience": item["audience"]}
    options = {"require": ["iss", "aud", "sub", "iat", "exp"]}
    best, end = float("inf"), time.perf_counter_ns() + 1_000_000_000
    while time.perf_counter_ns() < end:
        began = time.perf_counter_ns()
        for _ in range(16):
            jwt.decode(item["token"], key, options=options, **expected)
        best = min(best, (time.perf_counter_ns() - began) / 16)
    print(json.dumps({"library": "PyJWT", "alg": item["alg"], "nanoseconds": best}))
