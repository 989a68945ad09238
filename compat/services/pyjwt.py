"""python pyjwt.py JWKS_URL AUDIENCE TOKEN: the claims as JSON, or the name of what PyJWT raises, with its stock configuration."""

import json
import sys

import jwt

jwks_url, audience, token = sys.argv[1:]
try:
    key = jwt.PyJWKClient(jwks_url).get_signing_key_from_jwt(token)
    print(json.dumps(jwt.decode(token, key, algorithms=["EdDSA"], audience=audience)))
except jwt.PyJWTError as error:
    sys.exit(f"{type(error).__name__}: {error}")
