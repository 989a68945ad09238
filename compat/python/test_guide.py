"""PyJWT as docs/verify.md configures it, against our server."""

import base64
import json
import pathlib
import re

import jwt
import pytest
from conftest import AUDIENCE, ISSUER

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "verify.md"


USUAL = ["EdDSA", "ES256", "RS256"]
# Named by those whose server signs with them, as the guide says.
ON_REQUEST = ["ES512", "PS256"]


@pytest.fixture
def verify(server, algorithm):
    block = re.search(r"<!-- test:pyjwt -->\n```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert block, "the guide has no snippet for PyJWT"
    code = (
        block.group(1)
        .replace("https://auth.example.com/api/auth/jwks", f"{server.base}/jwks")
        .replace("https://auth.example.com", ISSUER)
        .replace("https://api.example.com", AUDIENCE)
        .replace('["EdDSA", "ES256", "RS256"]', json.dumps([algorithm] if algorithm in ON_REQUEST else USUAL))
    )
    names = {}
    exec(compile(code, str(GUIDE), "exec"), names)
    return names["verify"]


def encode(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_the_guides_snippet_accepts_the_servers_token_and_no_other(server, verify):
    user_id, cookie = server.sign_up()
    token = server.token(cookie)
    assert verify(token)["sub"] == user_id
    header, claims, signature = token.split(".")
    with pytest.raises(jwt.InvalidSignatureError):
        verify(f"{header}.{encode({**jwt.decode(token, options={'verify_signature': False}), 'sub': 'admin'})}.{signature}")
    with pytest.raises(jwt.InvalidTokenError):
        verify(f"{encode({'alg': 'none'})}.{claims}.")
    forged = jwt.encode({"sub": user_id}, "a secret of thirty-two characters", algorithm="HS256", headers={"kid": "made-up"})
    for _ in range(3):
        with pytest.raises(jwt.InvalidTokenError):
            verify(forged)
