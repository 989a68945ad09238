"""Starts the auth server as a process and talks to it over HTTP with the standard library only."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = REPOSITORY / os.environ.get("AUTH_SERVER_BIN", "target/debug/auth-server")
START_LIMIT = 30
STOP_LIMIT = 10


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class AuthServer:
    """One server on a fresh database; `jwt` is the section of that name in its configuration."""

    def __init__(self, database_url, jwt):
        port = free_port()
        self.origin = f"http://127.0.0.1:{port}"
        self.base = f"{self.origin}/api/auth"
        self.directory = Path(tempfile.mkdtemp(prefix="auth-compat-py-"))
        config = self.directory / "auth.json"
        config.write_text(
            json.dumps(
                {
                    "baseURL": self.origin,
                    "secret": "compat-secret-0123456789-abcdefghijklmnop",
                    "plugins": ["jwt"],
                    "emailAndPassword": {"enabled": True},
                    "jwt": jwt,
                }
            )
        )
        self.log = (self.directory / "server.log").open("w+")
        self.process = subprocess.Popen(
            [BINARY, "serve", "--config", config],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            # Nothing of the caller's environment may configure the server under test.
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.directory),
                "PORT": str(port),
                "DATABASE_URL": database_url or f"sqlite:{self.directory / 'auth.db'}",
            },
        )
        try:
            self._wait_until_ready()
        except Exception:
            self.stop()
            raise

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_LIMIT
        while True:
            code = self.process.poll()
            if code is not None:
                raise RuntimeError(f"{BINARY} ended with {code} at its start:\n{self.output()}")
            try:
                with urllib.request.urlopen(f"{self.base}/ok", timeout=5):
                    return
            except OSError:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{BINARY} did not answer within {START_LIMIT} s:\n{self.output()}") from None
                time.sleep(0.05)

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_LIMIT)
        finally:
            self.process.kill()
            self.process.wait()
            self.log.close()
            shutil.rmtree(self.directory, ignore_errors=True)

    def sign_up(self):
        """Signs up a new person: (user id, bearer for `token`)."""
        email = f"ann-{secrets.token_hex(6)}@example.test"
        body = json.dumps({"email": email, "password": "correct horse battery staple", "name": "Ann"}).encode()
        request = urllib.request.Request(
            f"{self.base}/sign-up/email", body, {"Content-Type": "application/json", "Origin": self.origin}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            cookie = answer.headers["Set-Cookie"].split(";")[0]
            return json.load(answer)["user"]["id"], cookie

    def token(self, cookie):
        """Asks for a JWT with a session cookie."""
        request = urllib.request.Request(f"{self.base}/token", headers={"Cookie": cookie})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["token"]
