// What a restart must not lose: people, sessions, signing keys.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLocalJWKSet, jwtVerify } from "jose";
import { databases } from "../support/databases.mjs";
import { startServer } from "../support/server.mjs";
import { data, openPage, PASSWORD, signUp } from "../support/client.mjs";

// The address changes with each start here, so the base URL has to be given.
const config = { baseURL: "http://auth.example.test" };

describe("a restart", () => {
  for (const [kind, makeDatabase] of databases()) {
    test(`keeps people, sessions and keys on ${kind}`, async () => {
      const database = await makeDatabase();
      let server;
      try {
        server = await startServer({ database: database.url, config });
        const { client, email, user, browser } = await signUp(server, { origin: config.baseURL });
        const { token } = data(await client.token());
        const kept = browser.cookie("better-auth.session_token");
        await server.stop();

        server = await startServer({ database: database.url, config });
        const again = openPage(server, { origin: config.baseURL });
        again.browser.plant("better-auth.session_token", kept);
        assert.equal(data(await again.client.getSession()).user.id, user.id);
        assert.equal(data(await openPage(server, { origin: config.baseURL }).client.signIn.email({ email, password: PASSWORD })).user.id, user.id);

        const keys = createLocalJWKSet(data(await again.client.jwks()));
        const { payload } = await jwtVerify(token, keys, { issuer: config.baseURL, audience: config.baseURL });
        assert.equal(payload.sub, user.id);
        assert.equal(data(await again.client.jwks()).keys.length, 1, "no second key was made");
      } finally {
        await server?.stop();
        await database.drop();
      }
    });
  }
});
