// The copy of the session in a cookie, read by upstream's own helper, as an application's middleware does without a request.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { getCookieCache } from "better-auth/cookies";
import { databases } from "../support/databases.mjs";
import { startServer } from "../support/server.mjs";
import { SECRET } from "../support/settings.mjs";
import { data, signUp } from "../support/client.mjs";

const DATA = "better-auth.session_data";

for (const [kind, makeDatabase] of databases()) for (const strategy of ["compact", "jwt", "jwe"]) {
  describe(`getCookieCache and a ${strategy} copy, on ${kind}`, () => {
    let database, server, person;
    before(async () => {
      database = await makeDatabase();
      const config = { session: { cookieCache: { enabled: true, strategy, maxAge: 300 } } };
      server = await startServer({ database: database.url, config });
      // A name that no encoding may lose.
      person = await signUp(server, { name: "Ann ✓ %20;\"" });
    });
    after(async () => {
      await server?.stop();
      await database?.drop();
    });
    const read = (cookie, options = {}) =>
      getCookieCache(new Headers({ cookie }), { secret: SECRET, strategy, isSecure: false, ...options });

    test("gives the session and the user that the server gives", async () => {
      const { session, user } = data(await person.client.getSession());
      const copy = await read(person.browser.cookieHeader());
      assert.deepEqual(JSON.parse(JSON.stringify(copy.user)), JSON.parse(JSON.stringify(user)));
      assert.deepEqual(JSON.parse(JSON.stringify(copy.session)), JSON.parse(JSON.stringify(session)));
      assert.equal(copy.version, "1");
      assert.ok(Math.abs(copy.updatedAt - Date.now()) < 60_000, `made at ${copy.updatedAt}`);
    });

    test("reads a copy in several parts", async () => {
      const value = person.browser.cookie(DATA);
      const half = Math.ceil(value.length / 2);
      const copy = await read(`${DATA}.0=${value.slice(0, half)}; ${DATA}.1=${value.slice(half)}`);
      assert.equal(copy.user.id, person.user.id);
    });

    test("takes no copy of another secret, of another version, or with a changed byte", async () => {
      const cookie = person.browser.cookieHeader();
      const nothing = (promise) => promise.catch(() => null).then((copy) => assert.equal(copy, null));
      await nothing(read(cookie, { secret: `${SECRET}-other` }));
      await nothing(read(cookie, { version: "2" }));
      const value = person.browser.cookie(DATA);
      const at = value.length - 20;
      const other = value[at] === "A" ? "B" : "A";
      await nothing(read(`${DATA}=${value.slice(0, at)}${other}${value.slice(at + 1)}`));
      assert.equal((await read(cookie, { version: "1" })).user.id, person.user.id);
    });
  });
}
