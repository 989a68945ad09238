// Tokens from the official client, verified as an API does it: jose, the key set over HTTP, issuer and audience.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { databases } from "../support/databases.mjs";
import { startServer } from "../support/server.mjs";
import { data, openPage, signUp } from "../support/client.mjs";

const algorithms = [
  { alg: "EdDSA", keyPairConfig: undefined, kty: "OKP", crv: "Ed25519" },
  { alg: "ES256", keyPairConfig: { alg: "ES256" }, kty: "EC", crv: "P-256" },
  { alg: "ES512", keyPairConfig: { alg: "ES512" }, kty: "EC", crv: "P-521" },
  { alg: "PS256", keyPairConfig: { alg: "PS256", modulusLength: 2048 }, kty: "RSA", crv: undefined },
  { alg: "RS256", keyPairConfig: { alg: "RS256", modulusLength: 2048 }, kty: "RSA", crv: undefined },
];
const ISSUER = "https://issuer.example.test";
const AUDIENCE = "https://api.example.test";

/** The token with one character of the given part changed: 0 header, 1 claims, 2 signature. */
function changed(token, part) {
  const parts = token.split(".");
  // Not the last character: its low bits may be padding.
  const at = 4;
  parts[part] = parts[part].slice(0, at) + (parts[part][at] === "A" ? "B" : "A") + parts[part].slice(at + 1);
  return parts.join(".");
}

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

for (const [kind, makeDatabase] of databases()) for (const { alg, keyPairConfig, kty, crv } of algorithms) {
  describe(`${alg} tokens on ${kind}`, () => {
    let database, server, keys;
    before(async () => {
      database = await makeDatabase();
      const jwt = { jwt: { issuer: ISSUER, audience: AUDIENCE, expirationTime: "5m" }, ...(keyPairConfig && { jwks: { keyPairConfig } }) };
      server = await startServer({ database: database.url, config: { jwt } });
      keys = createRemoteJWKSet(new URL(`${server.base}/jwks`));
    });
    after(async () => {
      await server?.stop();
      await database?.drop();
    });
    const verify = (token, options = {}) => jwtVerify(token, keys, { issuer: ISSUER, audience: AUDIENCE, algorithms: [alg], ...options });

    test("jose accepts a token by issuer and audience", async () => {
      const { client, user, email } = await signUp(server);
      const { payload, protectedHeader } = await verify(data(await client.token()).token);
      assert.equal(protectedHeader.alg, alg);
      assert.deepEqual([payload.sub, payload.id, payload.email, payload.name], [user.id, user.id, email, "Ann"]);
      assert.equal(payload.exp - payload.iat, 300);
      assert.ok(Math.abs(payload.iat - Date.now() / 1000) < 60, `issued at ${payload.iat}`);
    });

    test("the session's answer brings a token along", async () => {
      const { client, browser, user } = await signUp(server);
      data(await client.getSession());
      const { payload } = await verify(browser.header("set-auth-jwt"));
      assert.equal(payload.sub, user.id);
    });

    test("the key set shows public members of the signing key and nothing else", async () => {
      const { client } = await signUp(server);
      const { kid } = decodeProtectedHeader(data(await client.token()).token);
      const { keys: published } = data(await client.jwks());
      const [key, ...others] = published;
      assert.deepEqual(others, [], "one key is enough");
      assert.deepEqual([key.kid, key.alg, key.kty, key.crv], [kid, alg, kty, crv]);
      for (const secret of ["d", "p", "q", "dp", "dq", "qi", "k"]) assert.equal(key[secret], undefined, `${secret} is private`);
    });

    test("all tokens carry the same key", async () => {
      const pages = await Promise.all([signUp(server), signUp(server), signUp(server)]);
      const kids = await Promise.all(pages.map(async ({ client }) => decodeProtectedHeader(data(await client.token()).token).kid));
      assert.equal(new Set(kids).size, 1, kids.join(" "));
    });

    test("a changed token is refused", async () => {
      const { client } = await signUp(server);
      const { token } = data(await client.token());
      await verify(token);
      const [header, claims, signature] = token.split(".");
      const admin = encoded({ ...JSON.parse(Buffer.from(claims, "base64url")), sub: "somebody-else" });
      const none = encoded({ ...JSON.parse(Buffer.from(header, "base64url")), alg: "none" });
      const forged = [changed(token, 0), changed(token, 1), changed(token, 2), `${header}.${admin}.${signature}`, `${none}.${claims}.`, `${header}.${claims}.`];
      for (const bad of forged) await assert.rejects(verify(bad), /^(JWS|JOSE|JWT|JWKS|JWK)/, bad);
    });

    test("a token for another issuer or audience, or past its time, is refused", async () => {
      const { client } = await signUp(server);
      const { token } = data(await client.token());
      await assert.rejects(verify(token, { issuer: "https://other.example.test" }), { code: "ERR_JWT_CLAIM_VALIDATION_FAILED", claim: "iss" });
      await assert.rejects(verify(token, { audience: "https://other.example.test" }), { code: "ERR_JWT_CLAIM_VALIDATION_FAILED", claim: "aud" });
      await assert.rejects(verify(token, { currentDate: new Date(Date.now() + 301_000) }), { code: "ERR_JWT_EXPIRED" });
    });

    test("nobody gets a token without a session", async () => {
      const { client } = openPage(server);
      const { error } = await client.token();
      assert.equal(error.status, 401);
    });
  });
}

for (const [kind, makeDatabase] of databases()) {
  test(`without settings a token on ${kind} lives 15 minutes and names the server's origin`, async () => {
    const database = await makeDatabase();
    let server;
    try {
      server = await startServer({ database: database.url, config: { basePath: "/api/v1/auth" } });
      const { client } = await signUp(server);
      const keys = createRemoteJWKSet(new URL(`${server.base}/jwks`));
      const { payload, protectedHeader } = await jwtVerify(data(await client.token()).token, keys, { issuer: server.origin, audience: server.origin });
      assert.deepEqual([protectedHeader.alg, payload.exp - payload.iat], ["EdDSA", 900]);
    } finally {
      await server?.stop();
      await database.drop();
    }
  });
}
