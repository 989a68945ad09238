// The official client of an app that has no cookies: `set-auth-token` kept, `Authorization: Bearer` sent.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { databases } from "../support/databases.mjs";
import { startServer } from "../support/server.mjs";
import { data, openApp, openPage, PASSWORD, refused, signUp } from "../support/client.mjs";

for (const [kind, makeDatabase] of databases()) for (const basePath of ["/api/auth", "/api/v1/auth"]) {
  describe(`bearer tokens at ${basePath} on ${kind}`, () => {
    let database, server;
    before(async () => {
      database = await makeDatabase();
      server = await startServer({ database: database.url, config: { basePath } });
    });
    after(async () => {
      await server?.stop();
      await database?.drop();
    });

    /** Signs in the way an app does, and returns the token of the answer's header. */
    async function signIn(email) {
      const { client, browser } = openPage(server);
      data(await client.signIn.email({ email, password: PASSWORD }));
      assert.ok(/(^|,)\s*set-auth-token\s*(,|$)/i.test(browser.header("access-control-expose-headers") ?? ""), "a browser's script may read the header");
      return browser.header("set-auth-token");
    }

    test("the answer's header works as a bearer token for reading and writing", async () => {
      const { email, user } = await signUp(server);
      const app = openApp(server, await signIn(email));
      assert.equal(data(await app.getSession()).user.id, user.id);
      assert.equal(data(await app.updateUser({ name: "From the app" })).status, true);
      assert.equal(data(await app.getSession()).user.name, "From the app");
      assert.match(data(await app.token()).token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
    });

    test("the token of the body works too", async () => {
      const { email, user } = await signUp(server);
      const { token } = data(await openPage(server).client.signIn.email({ email, password: PASSWORD }));
      assert.ok(!token.includes("."), "unsigned");
      assert.equal(data(await openApp(server, token).getSession()).user.id, user.id);
    });

    test("a session that was ended is refused", async () => {
      const { email } = await signUp(server);
      const app = openApp(server, await signIn(email));
      assert.equal(data(await app.signOut()).success, true);
      assert.equal(data(await app.getSession()), null);
      refused(await app.token(), 401, "UNAUTHORIZED");
    });

    test("a changed or invented token is refused", async () => {
      const { email } = await signUp(server);
      const good = await signIn(email);
      const [token, signature] = good.split(".");
      const flipped = (signature.startsWith("A") ? "B" : "A") + signature.slice(1);
      for (const forged of [`${token}.${flipped}`, `x${token}.${signature}`, "a".repeat(32), ".", "not a token"]) {
        const app = openApp(server, forged);
        assert.equal(data(await app.getSession()), null, forged);
        refused(await app.listSessions(), 401, "UNAUTHORIZED");
      }
    });
  });
}
