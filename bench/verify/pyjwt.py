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
    runs = []
    for _ in range(21):
        began, calls = time.perf_counter_ns(), 0
        while time.perf_counter_ns() - began < 25_000_000:
            for _ in range(8):
                jwt.decode(item["token"], key, options=options, **expected)
            calls += 8
        runs.append((time.perf_counter_ns() - began) / calls)
    print(json.dumps({"library": "PyJWT", "alg": item["alg"], "nanoseconds": sorted(runs[1:])[10]}))
