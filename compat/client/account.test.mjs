// A person's whole way with the official client in a browser: account, sessions, password, and what is refused.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { databases } from "../support/databases.mjs";
import { startServer } from "../support/server.mjs";
import { data, newEmail, openPage, PASSWORD, refused, signUp } from "../support/client.mjs";

const SESSION_COOKIE = "better-auth.session_token";
const TRUSTED_PAGE = "http://localhost:5173";

for (const [kind, makeDatabase] of databases()) for (const basePath of ["/api/auth", "/api/v1/auth"]) {
  describe(`the official client at ${basePath} on ${kind}`, () => {
    let database, server;
    before(async () => {
      database = await makeDatabase();
      server = await startServer({ database: database.url, config: { basePath, trustedOrigins: [TRUSTED_PAGE] } });
    });
    after(async () => {
      await server?.stop();
      await database?.drop();
    });

    test("signs a person up and in, and shows the same user in the session", async () => {
      const { client, browser, email, user, token } = await signUp(server, { image: "https://example.test/ann.png" });
      assert.deepEqual({ name: user.name, email: user.email, image: user.image, emailVerified: user.emailVerified },
        { name: "Ann", email, image: "https://example.test/ann.png", emailVerified: false });
      assert.ok(user.createdAt instanceof Date && Math.abs(Date.now() - user.createdAt) < 60_000, `createdAt ${user.createdAt}`);
      assert.ok(decodeURIComponent(browser.cookie(SESSION_COOKIE)).startsWith(`${token}.`), "the cookie carries the token, signed");
      assert.deepEqual(browser.attributes(SESSION_COOKIE), ["httponly", "max-age=604800", "path=/", "samesite=lax"]);

      const session = data(await client.getSession());
      assert.equal(session.user.id, user.id);
      assert.equal(session.session.userId, user.id);
      assert.equal(session.session.token, token);
      const lifetime = session.session.expiresAt - Date.now();
      assert.ok(Math.abs(lifetime - 604_800_000) < 60_000, `lives ${lifetime} ms`);

      const elsewhere = openPage(server);
      const signedIn = data(await elsewhere.client.signIn.email({ email, password: PASSWORD }));
      assert.equal(signedIn.user.id, user.id);
      assert.notEqual(signedIn.token, token);
      assert.equal(data(await elsewhere.client.getSession()).user.email, email);
    });

    test("takes the address in any case", async () => {
      const { email, user } = await signUp(server);
      const { client } = openPage(server);
      assert.equal(data(await client.signIn.email({ email: email.toUpperCase(), password: PASSWORD })).user.id, user.id);
    });

    test("gives a session that ends with the browser when it is not to be remembered", async () => {
      const { email } = await signUp(server);
      const { client, browser } = openPage(server);
      data(await client.signIn.email({ email, password: PASSWORD, rememberMe: false }));
      assert.deepEqual(browser.attributes(SESSION_COOKIE), ["httponly", "path=/", "samesite=lax"]);
      const { session } = data(await client.getSession());
      assert.ok(Math.abs(session.expiresAt - Date.now() - 86_400_000) < 60_000, `expires at ${session.expiresAt}`);
    });

    test("answers a visitor's session with null", async () => {
      const { client } = openPage(server);
      assert.equal(data(await client.getSession()), null);
    });

    test("lists sessions and ends them one by one, all others, and all", async () => {
      const first = await signUp(server);
      const open = async () => {
        const page = openPage(server);
        const { token } = data(await page.client.signIn.email({ email: first.email, password: PASSWORD }));
        return { ...page, token };
      };
      const [second, third, fourth] = [await open(), await open(), await open()];
      const listed = async (client) => data(await client.listSessions()).map((session) => session.token).sort();
      assert.deepEqual(await listed(first.client), [first, second, third, fourth].map((page) => page.token).sort());

      assert.deepEqual(data(await first.client.revokeSession({ token: second.token })), { status: true });
      assert.equal(data(await second.client.getSession()), null);
      assert.equal(second.browser.cookie(SESSION_COOKIE), undefined, "the dead cookie is taken away");
      assert.notEqual(data(await third.client.getSession()), null);

      assert.deepEqual(data(await first.client.revokeOtherSessions()), { status: true });
      assert.equal(data(await third.client.getSession()), null);
      assert.equal(data(await fourth.client.getSession()), null);
      assert.deepEqual(await listed(first.client), [first.token]);

      assert.deepEqual(data(await first.client.revokeSessions()), { status: true });
      assert.equal(data(await first.client.getSession()), null);
      refused(await first.client.listSessions(), 401, "UNAUTHORIZED");
    });

    test("does not end another person's session", async () => {
      const ann = await signUp(server);
      const eve = await signUp(server);
      assert.deepEqual(data(await eve.client.revokeSession({ token: ann.token })), { status: true });
      assert.equal(data(await ann.client.getSession()).session.token, ann.token);
    });

    test("changes a person's name and picture, and keeps the address", async () => {
      const { client, email } = await signUp(server);
      assert.deepEqual(data(await client.updateUser({ name: "Änn ✓", image: "https://example.test/new.png" })), { status: true });
      const { user } = data(await client.getSession());
      assert.deepEqual([user.name, user.image, user.email], ["Änn ✓", "https://example.test/new.png", email]);
      refused(await client.updateUser({ email: newEmail() }), 400, "EMAIL_CAN_NOT_BE_UPDATED");
    });

    test("changes the password, ends other sessions with it, and forgets the old one", async () => {
      const { client, email, token } = await signUp(server);
      const elsewhere = openPage(server);
      data(await elsewhere.client.signIn.email({ email, password: PASSWORD }));
      refused(await client.changePassword({ currentPassword: "not the password", newPassword: "a new long password" }), 400, "INVALID_PASSWORD");

      const changed = data(await client.changePassword({ currentPassword: PASSWORD, newPassword: "a new long password", revokeOtherSessions: true }));
      assert.notEqual(changed.token, token);
      assert.equal(data(await client.getSession()).session.token, changed.token);
      assert.equal(data(await elsewhere.client.getSession()), null);
      refused(await elsewhere.client.signIn.email({ email, password: PASSWORD }), 401, "INVALID_EMAIL_OR_PASSWORD");
      data(await elsewhere.client.signIn.email({ email, password: "a new long password" }));
    });

    test("signs out: the session is gone for whoever kept the cookie", async () => {
      const { client, browser } = await signUp(server);
      const thief = openPage(server);
      thief.browser.plant(SESSION_COOKIE, browser.cookie(SESSION_COOKIE));
      assert.notEqual(data(await thief.client.getSession()), null);

      assert.deepEqual(data(await client.signOut()), { success: true });
      assert.equal(browser.cookie(SESSION_COOKIE), undefined);
      assert.equal(data(await thief.client.getSession()), null);
      assert.equal(data(await client.getSession()), null);
    });

    test("refuses what is wrong with upstream's status and code", async () => {
      const { email } = await signUp(server);
      const { client } = openPage(server);
      refused(await client.signIn.email({ email, password: "not the password" }), 401, "INVALID_EMAIL_OR_PASSWORD");
      refused(await client.signIn.email({ email: newEmail(), password: PASSWORD }), 401, "INVALID_EMAIL_OR_PASSWORD");
      refused(await client.signIn.email({ email: "no address", password: PASSWORD }), 400, "INVALID_EMAIL");
      refused(await client.signUp.email({ email: email.toUpperCase(), password: PASSWORD, name: "Ann" }), 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
      refused(await client.signUp.email({ email: newEmail(), password: "short", name: "Ann" }), 400, "PASSWORD_TOO_SHORT");
      refused(await client.signUp.email({ email: newEmail(), password: "x".repeat(129), name: "Ann" }), 400, "PASSWORD_TOO_LONG");
      refused(await client.signUp.email({ email: newEmail(), password: PASSWORD }), 400, "VALIDATION_ERROR");
      for (const call of [client.listSessions(), client.revokeSessions(), client.updateUser({ name: "Eve" }), client.token()]) {
        refused(await call, 401, "UNAUTHORIZED");
      }
      assert.equal(data(await client.getSession()), null, "no refusal signs anybody in");
    });

    test("refuses a changed session cookie", async () => {
      const { browser } = await signUp(server);
      const [token, signature] = decodeURIComponent(browser.cookie(SESSION_COOKIE)).split(".");
      const flipped = (signature.startsWith("A") ? "B" : "A") + signature.slice(1);
      const { browser: other, client } = openPage(server);
      for (const forged of [token, `${token}.`, `${token}.${flipped}`, `x${token}.${signature}`]) {
        other.plant(SESSION_COOKIE, encodeURIComponent(forged));
        assert.equal(data(await client.getSession()), null, forged);
      }
    });

    test("serves pages of trusted origins and refuses all others", async () => {
      const { email } = await signUp(server);
      const trusted = openPage(server, { origin: TRUSTED_PAGE });
      data(await trusted.client.signIn.email({ email, password: PASSWORD }));
      assert.equal(data(await trusted.client.updateUser({ name: "Ann" })).status, true);

      const foreign = openPage(server, { origin: "https://evil.example" });
      refused(await foreign.client.signIn.email({ email, password: PASSWORD }), 403, "INVALID_ORIGIN");
      foreign.browser.plant(SESSION_COOKIE, trusted.browser.cookie(SESSION_COOKIE));
      refused(await foreign.client.updateUser({ name: "Eve" }), 403, "INVALID_ORIGIN");
      assert.equal(data(await trusted.client.getSession()).user.name, "Ann");
    });
  });
}
