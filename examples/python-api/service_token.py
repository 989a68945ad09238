"""python service_token.py JWKS_URL AUDIENCE TOKEN

Checks a service's token with PyJWT as it comes, and prints who calls. Ends 1 with the reason when it is refused.
"""

import sys

import jwt


def verify_service_token(keys: jwt.PyJWKClient, audience: str, token: str) -> str:
    header = jwt.get_unverified_header(token)
    if header.get("typ") != "s2s+jwt":
        raise jwt.InvalidTokenError("not a service token")
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=["EdDSA"],
        audience=audience,
        leeway=5,
        options={"require": ["iss", "sub", "aud", "iat", "exp", "jti"]},
    )
    # What no library knows: a key speaks for its owner only, one audience, and sixty seconds are the longest life.
    owner = "service:" + header["kid"].split(".")[0]
    if claims["sub"] != owner or claims["iss"] != owner:
        raise jwt.InvalidTokenError("the key belongs to another service")
    if not isinstance(claims["aud"], str) or claims["exp"] - claims["iat"] > 60:
        raise jwt.InvalidTokenError("several audiences, or a life that is too long")
    return claims["sub"]


if __name__ == "__main__":
    jwks_url, audience, token = sys.argv[1:]
    try:
        # A service that is disabled is refused when its key is gone from the set: PyJWT keeps one for five minutes of itself.
        print(verify_service_token(jwt.PyJWKClient(jwks_url, lifespan=30), audience, token))
    except jwt.PyJWTError as error:
        sys.exit(f"{type(error).__name__}: {error}")
