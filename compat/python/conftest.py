"""One server for each database and algorithm."""

import os
import secrets
import subprocess
from contextlib import contextmanager
from urllib.parse import urlsplit

import pymysql
import pytest
from auth_process import AuthServer

ADMIN_URL = os.environ.get("TEST_POSTGRES_URL")
MYSQL_URL = os.environ.get("TEST_MYSQL_URL")
THERE = ["sqlite", *(["postgres"] if ADMIN_URL else []), *(["mysql"] if MYSQL_URL else [])]
DATABASES = os.environ.get("COMPAT_DATABASES", ",".join(THERE)).split(",")

ISSUER = "https://issuer.example.test"
AUDIENCE = "https://api.example.test"
KEY_PAIRS = {
    "EdDSA": {"alg": "EdDSA"},
    "ES256": {"alg": "ES256"},
    "ES512": {"alg": "ES512"},
    "PS256": {"alg": "PS256", "modulusLength": 2048},
    "RS256": {"alg": "RS256", "modulusLength": 2048},
}


@contextmanager
def fresh_mysql():
    server = urlsplit(MYSQL_URL)
    name = f"compat_py_{secrets.token_hex(8)}"
    with pymysql.connect(host=server.hostname, port=server.port, user=server.username) as connection:
        connection.cursor().execute(f"create database {name}")
        try:
            yield server._replace(path=f"/{name}").geturl()
        finally:
            connection.cursor().execute(f"drop database {name}")


@contextmanager
def fresh_database(kind):
    if kind == "sqlite":
        yield None
        return
    if kind == "mysql":
        with fresh_mysql() as url:
            yield url
        return
    if not ADMIN_URL:
        raise RuntimeError("TEST_POSTGRES_URL is not set: run this by `make test-compat`, or below scripts/with-pg.sh")
    name = f"compat_py_{secrets.token_hex(8)}"
    psql = ["psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", ADMIN_URL, "-c"]
    subprocess.run([*psql, f"create database {name}"], check=True)
    try:
        yield urlsplit(ADMIN_URL)._replace(path=f"/{name}").geturl()
    finally:
        subprocess.run([*psql, f"drop database {name} with (force)"], check=True)


@contextmanager
def running(kind, algorithm, lifetime):
    jwt = {
        "jwks": {"keyPairConfig": KEY_PAIRS[algorithm]},
        "jwt": {"issuer": ISSUER, "audience": AUDIENCE, "expirationTime": lifetime},
    }
    with fresh_database(kind) as url:
        server = AuthServer(url, jwt)
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session", params=DATABASES)
def kind(request):
    return request.param


@pytest.fixture(scope="session", params=KEY_PAIRS)
def algorithm(request):
    return request.param


@pytest.fixture(scope="session")
def server(kind, algorithm):
    """A server whose tokens live five minutes."""
    with running(kind, algorithm, "5m") as server:
        yield server


@pytest.fixture(scope="session")
def hasty_server(kind, algorithm):
    """A server whose tokens live one second."""
    with running(kind, algorithm, "1s") as server:
        yield server
