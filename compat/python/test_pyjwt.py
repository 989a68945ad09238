"""PyJWT as a resource server uses it: keys from the key set's URL, algorithm, issuer and audience given."""

import base64
import json
import time

import jwt
import pytest
from conftest import AUDIENCE, ISSUER


def key_client(server):
    return jwt.PyJWKClient(f"{server.base}/jwks")


def verify(server, algorithm, token, **options):
    key = key_client(server).get_signing_key_from_jwt(token)
    expected = {"issuer": ISSUER, "audience": AUDIENCE, "algorithms": [algorithm], **options}
    return jwt.decode(token, key, options={"require": ["exp", "iat", "sub", "iss", "aud"]}, **expected)


def encode(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def decode(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.fixture
def issued(server):
    user_id, cookie = server.sign_up()
    return user_id, server.token(cookie)


def test_accepts_a_token_by_issuer_and_audience(server, algorithm, issued):
    user_id, token = issued
    claims = verify(server, algorithm, token)
    assert (claims["sub"], claims["id"], claims["name"]) == (user_id, user_id, "Ann")
    assert claims["exp"] - claims["iat"] == 300
    assert jwt.get_unverified_header(token)["alg"] == algorithm


def test_reads_every_key_of_the_set(server, issued):
    _, token = issued
    assert [key.key_id for key in key_client(server).get_signing_keys()] == [jwt.get_unverified_header(token)["kid"]]


def test_refuses_changed_claims(server, algorithm, issued):
    _, token = issued
    header, claims, signature = token.split(".")
    forged = f"{header}.{encode({**decode(claims), 'sub': 'somebody-else'})}.{signature}"
    with pytest.raises(jwt.InvalidSignatureError):
        verify(server, algorithm, forged)


def test_refuses_a_changed_signature(server, algorithm, issued):
    _, token = issued
    header, claims, signature = token.split(".")
    changed = signature[:4] + ("B" if signature[4] == "A" else "A") + signature[5:]
    with pytest.raises(jwt.InvalidSignatureError):
        verify(server, algorithm, f"{header}.{claims}.{changed}")


def test_refuses_a_token_without_signature(server, algorithm, issued):
    _, token = issued
    header, claims, _ = token.split(".")
    with pytest.raises(jwt.InvalidAlgorithmError):
        verify(server, algorithm, f"{encode({**decode(header), 'alg': 'none'})}.{claims}.")


def test_refuses_a_key_that_is_not_in_the_set(server, algorithm, issued):
    _, token = issued
    header, claims, signature = token.split(".")
    with pytest.raises(jwt.PyJWKClientError):
        verify(server, algorithm, f"{encode({**decode(header), 'kid': 'unknown'})}.{claims}.{signature}")


def test_refuses_another_audience(server, algorithm, issued):
    with pytest.raises(jwt.InvalidAudienceError):
        verify(server, algorithm, issued[1], audience="https://other.example.test")


def test_refuses_another_issuer(server, algorithm, issued):
    with pytest.raises(jwt.InvalidIssuerError):
        verify(server, algorithm, issued[1], issuer="https://other.example.test")


def test_refuses_an_expired_token(hasty_server, algorithm):
    _, cookie = hasty_server.sign_up()
    token = hasty_server.token(cookie)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 1
    time.sleep(max(0.0, claims["exp"] + 1 - time.time()))
    with pytest.raises(jwt.ExpiredSignatureError):
        verify(hasty_server, algorithm, token)
