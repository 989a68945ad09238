// Service tokens before receivers in other languages: jose and PyJWT with the key set's address, an algorithm and an
// audience, as their guides have it. The rules that no library knows are those of examples/node-api and python-api.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { databases } from "../support/databases.mjs";
import { BINARY, startServer } from "../support/server.mjs";
import { data, signUp } from "../support/client.mjs";

const run = promisify(execFile);
const WORKER = process.env.WORKER_BIN ?? join(dirname(BINARY), "example-worker");
const PYTHON = fileURLToPath(new URL("../python/.venv/bin/python", import.meta.url));
const PYJWT = fileURLToPath(new URL("pyjwt.py", import.meta.url));

for (const [kind, makeDatabase] of databases()) {
  describe(`a service registered on ${kind}`, () => {
    let database, server, dir, keys, token, userToken;
    const environment = () => ({ PATH: process.env.PATH, WORKER_KEY_FILE: join(dir, "worker.key"), AUTH_URL: server.base });
    const worker = async (...args) => (await run(WORKER, args, { env: environment() })).stdout.trim();
    const operator = (...args) => run(BINARY, ["service", ...args], {
      env: { PATH: process.env.PATH, NODE_ENV: "development", DATABASE_URL: database.url, BETTER_AUTH_SECRET: server.settings.secret },
    });
    const jose = (what, options = {}) => jwtVerify(what, keys, { audience: "service:api", typ: "s2s+jwt", algorithms: ["EdDSA"], ...options });
    const pyjwt = (what, audience = "service:api") => run(PYTHON, [PYJWT, `${server.base}/s2s/jwks`, audience, what]).then(({ stdout }) => JSON.parse(stdout));

    before(async () => {
      database = await makeDatabase();
      server = await startServer({ database: database.url });
      dir = mkdtempSync(join(tmpdir(), "auth-services-"));
      await worker("keygen", join(dir, "worker.key"), join(dir, "worker.pub"));
      writeFileSync(join(dir, "worker.jwk"), await worker("public-key"));
      await operator("add", "worker", "--jwk", join(dir, "worker.jwk"));
      const deadline = Date.now() + 10_000;
      while ((await (await fetch(`${server.base}/s2s/jwks`)).json()).keys.length === 0) {
        assert.ok(Date.now() < deadline, "the running server does not show the key");
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      keys = createRemoteJWKSet(new URL(`${server.base}/s2s/jwks`));
      token = await worker("token");
      const { client } = await signUp(server);
      userToken = data(await client.token()).token;
    });
    after(async () => {
      await server?.stop();
      await database?.drop();
      if (dir) rmSync(dir, { recursive: true, force: true });
    });

    test("jose verifies its token", async () => {
      const { payload, protectedHeader } = await jose(token);
      assert.deepEqual([payload.iss, payload.sub, payload.exp - payload.iat], ["service:worker", "service:worker", 60]);
      assert.equal(protectedHeader.kid.split(".")[0], "worker");
    });

    test("jose refuses another audience, another type, a changed token and a user's", async () => {
      await assert.rejects(jose(token, { audience: "service:mailer" }), { code: "ERR_JWT_CLAIM_VALIDATION_FAILED" });
      await assert.rejects(jose(token, { typ: "at+jwt" }), { code: "ERR_JWT_CLAIM_VALIDATION_FAILED" });
      await assert.rejects(jose(token.replace(/\.[^.]{4}/, ".AAAA")), { code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" });
      await assert.rejects(jose(userToken, { typ: undefined }), { code: "ERR_JWKS_NO_MATCHING_KEY" });
    });

    test("PyJWT verifies its token and refuses the same others", async () => {
      const claims = await pyjwt(token);
      assert.deepEqual(claims, decodeJwt(token));
      await assert.rejects(pyjwt(token, "service:mailer"), /InvalidAudienceError/);
      await assert.rejects(pyjwt(token.replace(/\.[^.]{4}/, ".AAAA")), /InvalidSignatureError|DecodeError/);
      await assert.rejects(pyjwt(userToken), /PyJWKClientError/);
    });

    test("both verify what a new key signs, beside the old one", async () => {
      const next = join(dir, "worker.next");
      assert.match(await worker("rotate", next), /use it in 35 s/);
      const { stdout } = await run(WORKER, ["token"], { env: { ...environment(), WORKER_KEY_FILE: next } });
      const successor = stdout.trim();
      assert.notEqual(decodeProtectedHeader(successor).kid, decodeProtectedHeader(token).kid);
      keys = createRemoteJWKSet(new URL(`${server.base}/s2s/jwks`));
      for (const one of [token, successor]) {
        assert.equal((await jose(one)).payload.sub, "service:worker");
        assert.equal((await pyjwt(one)).sub, "service:worker");
      }
    });

    test("jose verifies what is issued for it on behalf of a user", async () => {
      const { stdout } = await run(WORKER, ["token-for", userToken], { env: environment() });
      const issued = createRemoteJWKSet(new URL(`${server.base}/jwks`));
      const options = { issuer: decodeJwt(userToken).iss, audience: "service:api", typ: "at+jwt" };
      const { payload } = await jwtVerify(stdout.trim(), issued, options);
      assert.deepEqual([payload.sub, payload.act], [decodeJwt(userToken).sub, { sub: "service:worker" }]);
      assert.ok(payload.exp - payload.iat <= 60);
    });
  });
}
