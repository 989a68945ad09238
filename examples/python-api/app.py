"""A Flask API that accepts the auth server's JWTs. All verification is PyJWT's; this file states what is demanded."""

import os
import re
import sys
import threading
import time
from functools import wraps
from urllib.parse import urlsplit

import jwt
from flask import Flask, g, jsonify, request
from waitress import create_server

REALM = "python-api"
# The algorithm is our decision, never the token's: no HMAC, no "none".
ALGORITHMS = ["EdDSA", "ES256", "RS256"]
# RFC 6750 section 2.1: what may follow "Bearer".
B64TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class Refused(Exception):
    """Answers as RFC 6750 section 3 asks: no error code when no token was sent, `invalid_token` for a bad one."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    @property
    def challenge(self):
        if not self.code:
            return f'Bearer realm="{REALM}"'
        return f'Bearer realm="{REALM}", error="{self.code}", error_description="{self.message}"'


class Keys:
    """PyJWKClient with a pause between refetches: made-up key ids must not turn this API against the auth server."""

    def __init__(self, url, lifespan=600, pause=30, timeout=5):
        self._client = jwt.PyJWKClient(url, cache_jwk_set=True, lifespan=lifespan, timeout=timeout)
        self._pause = pause
        self._next_refetch = 0.0
        self._lock = threading.Lock()

    def get(self, kid):
        key = self._client.match_kid(self._client.get_signing_keys(), kid)
        if key is None and self._may_refetch():
            key = self._client.match_kid(self._client.get_signing_keys(refresh=True), kid)
        if key is None:
            raise jwt.InvalidTokenError("unknown key id")
        return key

    def _may_refetch(self):
        with self._lock:
            now = time.monotonic()
            if now < self._next_refetch:
                return False
            self._next_refetch = now + self._pause
            return True


def create_app(issuer, audience, jwks_url):
    parts = urlsplit(jwks_url)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("AUTH_JWKS_URL must be https unless it is on this machine: whoever can change the keys can sign in as anyone.")

    app = Flask(__name__)
    keys = Keys(jwks_url)

    def authenticate():
        """The caller's claims, or Refused."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Refused(401, None, "A bearer token is required")
        token = token.strip(" ")
        if not B64TOKEN.fullmatch(token):
            raise Refused(400, "invalid_request", "The Authorization header is malformed")
        try:
            key = keys.get(jwt.get_unverified_header(token).get("kid"))
            return jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=issuer,
                audience=audience,
                options={"require": ["iss", "aud", "sub", "iat", "exp"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise Refused(401, "invalid_token", "The token has expired") from error
        except jwt.InvalidTokenError as error:
            raise Refused(401, "invalid_token", "The token is not valid") from error

    def require_user(view):
        @wraps(view)
        def guarded(*args, **kwargs):
            g.claims = authenticate()
            return view(*args, **kwargs)

        return guarded

    @app.get("/health")
    def health():
        return jsonify(ok=True)

    @app.get("/me")
    @require_user
    def me():
        return jsonify(api=REALM, sub=g.claims["sub"], email=g.claims.get("email"), name=g.claims.get("name"))

    @app.errorhandler(Refused)
    def refused(error):
        response = jsonify(error=error.code or "unauthorized", message=error.message)
        return response, error.status, {"WWW-Authenticate": error.challenge}

    @app.errorhandler(404)
    @app.errorhandler(405)
    def not_found(_error):
        return jsonify(error="not_found", message="No such route"), 404

    # The keys could not be had: that is our trouble, so not a 401 that would make clients throw good tokens away.
    @app.errorhandler(jwt.PyJWKClientError)
    @app.errorhandler(jwt.PyJWKSetError)
    def unavailable(error):
        print(f"cannot verify tokens: {error}", file=sys.stderr, flush=True)
        body = jsonify(error="temporarily_unavailable", message="Tokens cannot be verified right now")
        return body, 503, {"Retry-After": "5"}

    @app.after_request
    def no_store(response):
        response.headers["Cache-Control"] = "no-store"
        return response

    return app


def main():
    issuer = os.environ.get("AUTH_ISSUER", "http://localhost:3000")
    audience = os.environ.get("AUTH_AUDIENCE", issuer)
    jwks_url = os.environ.get("AUTH_JWKS_URL", "http://127.0.0.1:3000/api/auth/jwks")
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "4200"))
    try:
        server = create_server(create_app(issuer, audience, jwks_url), host=host, port=port, threads=8, ident=None)
    except (OSError, ValueError) as error:
        sys.exit(f"{REALM}: {error}")
    print(f"{REALM} on http://{host}:{port}, trusting {issuer} for {audience}", flush=True)
    server.run()


if __name__ == "__main__":
    main()
