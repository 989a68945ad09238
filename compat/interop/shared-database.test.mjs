// One PostgreSQL or MariaDB database and one secret, two servers: ours and Better Auth 1.7.7 on Node. Whoever made the tables, the
// person, the session or the key, the other one takes it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import mysql2 from "mysql2/promise";
import pg from "pg";
import { databases } from "../support/databases.mjs";
import { REFERENCE, startServer } from "../support/server.mjs";
import { data, openApp, openPage, PASSWORD, refused, signUp } from "../support/client.mjs";

const SESSION_COOKIE = "better-auth.session_token";
const PUBLIC = "http://auth.example.test";

/** What both servers are told. The hashes have to be the ones that Better Auth reads. */
const shared = (jwt) => ({
  baseURL: PUBLIC,
  emailAndPassword: { enabled: true, password: { algorithm: "scrypt" } },
  advanced: { upstreamExact: true },
  ...(jwt && { jwt }),
});
const starters = {
  ours: (database, config) => startServer({ database, config }),
  node: (database, config) => startServer({ database, config, binary: REFERENCE }),
};
const page = (server) => openPage(server, { origin: PUBLIC });

// Better Auth on Node takes SQLite through packages that are not here.
const servers = databases().filter(([kind]) => kind !== "sqlite");

/** Runs a statement written for PostgreSQL, on MySQL too: names in double quotes, parameters as $1. */
async function query(database, statement, values) {
  if (database.url.startsWith("mysql:")) {
    const connection = await mysql2.createConnection(database.url);
    const rows = await connection.query(statement.replaceAll('"', "`").replaceAll("$1", "?"), values).finally(() => connection.end());
    return rows[0];
  }
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query(statement, values)).rows;
  } finally {
    await client.end();
  }
}

for (const [kind, makeDatabase] of servers) for (const [first, second] of [["ours", "node"], ["node", "ours"]]) {
  describe(`a ${kind} database made by ${first}, then shared with ${second}`, () => {
    let database, early, maker, other;
    before(async () => {
      database = await makeDatabase();
      maker = await starters[first](database.url, shared());
      // Made while the other server has never seen the database.
      early = await signUp(maker, { origin: PUBLIC, name: "Änn ✓", image: "https://example.test/ann.png" });
      early.jwt = data(await early.client.token()).token;
      other = await starters[second](database.url, shared());
    });
    after(async () => {
      await maker?.stop();
      await other?.stop();
      await database?.drop();
    });

    test(`${second} signs ${first}'s person in with the password`, async () => {
      const { client } = page(other);
      const { user } = data(await client.signIn.email({ email: early.email, password: PASSWORD }));
      assert.deepEqual(user, early.user);
      refused(await page(other).client.signIn.email({ email: early.email, password: "not the password" }), 401, "INVALID_EMAIL_OR_PASSWORD");
    });

    test(`${second} accepts the session cookie that ${first} issued`, async () => {
      const { client, browser } = page(other);
      browser.plant(SESSION_COOKIE, early.browser.cookie(SESSION_COOKIE));
      const seen = data(await client.getSession());
      const own = data(await early.client.getSession());
      assert.deepEqual(seen, own, "both show the same session and user, to the millisecond");
      assert.equal(seen.session.token, early.token);
    });

    test(`${second} accepts ${first}'s bearer token`, async () => {
      assert.equal(data(await openApp(other, early.token).getSession()).user.id, early.user.id);
    });

    test(`a token that ${first} signed verifies against ${second}'s key set, and the other way round`, async () => {
      const { client, browser } = page(other);
      browser.plant(SESSION_COOKIE, early.browser.cookie(SESSION_COOKIE));
      const theirs = data(await client.token()).token;
      const expected = { issuer: PUBLIC, audience: PUBLIC };
      const { payload } = await jwtVerify(early.jwt, createRemoteJWKSet(new URL(`${other.base}/jwks`)), expected);
      assert.equal(payload.sub, early.user.id);
      const back = await jwtVerify(theirs, createRemoteJWKSet(new URL(`${maker.base}/jwks`)), expected);
      assert.deepEqual(Object.keys(back.payload).sort(), Object.keys(payload).sort(), "both put the same claims in");
      assert.equal(back.payload.sub, early.user.id);
    });

    test("both show the same key set", async () => {
      const [one, two] = await Promise.all([maker, other].map(async (server) => data(await page(server).client.jwks())));
      assert.equal(one.keys.length, 1);
      assert.deepEqual(two, one);
    });

    for (const [name, at, elsewhere] of [[first, () => maker, () => other], [second, () => other, () => maker]]) {
      const otherName = name === first ? second : first;

      test(`a person who signs up at ${name} can use ${otherName} at once`, async () => {
        const person = await signUp(at(), { origin: PUBLIC });
        const { client, browser } = page(elsewhere());
        browser.plant(SESSION_COOKIE, person.browser.cookie(SESSION_COOKIE));
        assert.equal(data(await client.getSession()).user.id, person.user.id);
        assert.equal(data(await page(elsewhere()).client.signIn.email({ email: person.email, password: PASSWORD })).user.id, person.user.id);
        refused(await page(elsewhere()).client.signUp.email({ email: person.email, password: PASSWORD, name: "Ann" }), 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
      });

      test(`what changes at ${name} is seen at ${otherName}: name, password, sign-out`, async () => {
        const person = await signUp(at(), { origin: PUBLIC });
        const mirror = page(elsewhere());
        mirror.browser.plant(SESSION_COOKIE, person.browser.cookie(SESSION_COOKIE));
        data(await person.client.updateUser({ name: "Changed" }));
        assert.equal(data(await mirror.client.getSession()).user.name, "Changed");

        data(await person.client.changePassword({ currentPassword: PASSWORD, newPassword: "a new long password" }));
        refused(await page(elsewhere()).client.signIn.email({ email: person.email, password: PASSWORD }), 401, "INVALID_EMAIL_OR_PASSWORD");
        data(await page(elsewhere()).client.signIn.email({ email: person.email, password: "a new long password" }));

        assert.equal(data(await mirror.client.listSessions()).length, 2);
        data(await person.client.signOut());
        assert.equal(data(await mirror.client.getSession()), null);
      });
    }

    test("the rows are the ones that Better Auth writes", async () => {
      const person = await signUp(maker, { origin: PUBLIC });
      const [account] = await query(database, `select * from account where "userId" = $1`, [person.user.id]);
      assert.deepEqual([account.providerId, account.accountId], ["credential", person.user.id]);
      assert.match(account.password, /^[0-9a-f]{32}:[0-9a-f]{128}$/);
      const [session] = await query(database, `select * from session where "userId" = $1`, [person.user.id]);
      assert.equal(session.token, person.token);
      const [key] = await query(database, "select * from jwks");
      assert.match(JSON.parse(key.privateKey), /^[0-9a-f]+$/, "sealed");
      assert.deepEqual([key.alg, key.crv, JSON.parse(key.publicKey).crv], ["EdDSA", "Ed25519", "Ed25519"]);
    });
  });
}

const keySettings = {
  "ES256": { jwks: { keyPairConfig: { alg: "ES256" } } },
  "ES512": { jwks: { keyPairConfig: { alg: "ES512" } } },
  "PS256": { jwks: { keyPairConfig: { alg: "PS256", modulusLength: 2048 } } },
  "RS256": { jwks: { keyPairConfig: { alg: "RS256", modulusLength: 2048 } } },
  "EdDSA, private key in clear": { jwks: { disablePrivateKeyEncryption: true } },
};
for (const [kind, makeDatabase] of servers) for (const [name, jwt] of Object.entries(keySettings)) for (const [first, second] of [["ours", "node"], ["node", "ours"]]) {
  test(`${second} signs with the key that ${first} made (${name}, ${kind})`, async () => {
    const database = await makeDatabase();
    let maker, other;
    try {
      maker = await starters[first](database.url, shared(jwt));
      const person = await signUp(maker, { origin: PUBLIC });
      const made = data(await person.client.token()).token;
      other = await starters[second](database.url, shared(jwt));
      const { client } = page(other);
      data(await client.signIn.email({ email: person.email, password: PASSWORD }));
      const signed = data(await client.token()).token;
      assert.deepEqual(decodeProtectedHeader(signed), decodeProtectedHeader(made));
      const expected = { issuer: PUBLIC, audience: PUBLIC, algorithms: [name.split(",")[0]] };
      await jwtVerify(signed, createRemoteJWKSet(new URL(`${maker.base}/jwks`)), expected);
      await jwtVerify(made, createRemoteJWKSet(new URL(`${other.base}/jwks`)), expected);
      assert.equal((await query(database, "select id from jwks")).length, 1);
    } finally {
      await maker?.stop();
      await other?.stop();
      await database.drop();
    }
  });
}

for (const [kind, makeDatabase] of servers) {
  test(`keys that ours rotates every two seconds are the ones that node signs with and publishes (${kind})`, async () => {
    const database = await makeDatabase();
    let ours, node;
    try {
      ours = await starters.ours(database.url, { ...shared({ jwks: { rotationInterval: 2, maxAge: 2, checkInterval: 1, gracePeriod: 60 } }) });
      node = await starters.node(database.url, shared());
      const person = await signUp(ours, { origin: PUBLIC });
      const { client } = page(node);
      data(await client.signIn.email({ email: person.email, password: PASSWORD }));
      const kids = new Set(), expected = { issuer: PUBLIC, audience: PUBLIC };
      const sets = [ours, node].map((server) => createRemoteJWKSet(new URL(`${server.base}/jwks`), { cooldownDuration: 0, cacheMaxAge: 2000 }));
      for (const end = Date.now() + 15_000; Date.now() < end; ) {
        for (const token of [data(await person.client.token()).token, data(await client.token()).token]) {
          kids.add(decodeProtectedHeader(token).kid);
          for (const set of sets) await jwtVerify(token, set, expected);
        }
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      assert.ok(kids.size >= 3, `${kids.size} keys have signed`);
      const lives = await query(database, `select * from "signingKey"`);
      const strangers = [...kids].filter((kid) => !lives.some((life) => life.kid === kid));
      assert.deepEqual(strangers, [], "node has made no key of its own");
    } finally {
      await ours?.stop();
      await node?.stop();
      await database.drop();
    }
  });
}
