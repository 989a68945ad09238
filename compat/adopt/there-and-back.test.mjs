// A live database of a Better Auth server on Node is taken over by ours, used, and given back: nobody signs in again, no
// password is set again, no key changes, and what is not ours to touch is as it was. ADOPT_PEOPLE: how many people (6);
// ADOPT_PASSWORDS: how many of them, spread evenly, try their passwords too (all): a scrypt hash takes a tenth of a second;
// ADOPT_ONLY: a part of the titles of the databases that are meant.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { after, before, describe, test } from "node:test";
import { createRemoteJWKSet, jwtVerify } from "jose";
import mysql2 from "mysql2/promise";
import pg from "pg";
import { mysql, postgres } from "../support/databases.mjs";
import { BINARY, REFERENCE, startServer } from "../support/server.mjs";
import { data, openPage, PASSWORD, signUp } from "../support/client.mjs";

/** The databases, what `adopt --check` has to say about the tables of each, and `generateId`, where it is set. */
const CASES = [
  ["better-auth-1.4", "PostgreSQL", postgres, ["tables of Better Auth 1.4 to 1.6", "column jwks.alg", "column jwks.crv"]],
  ["better-auth-1.6", "PostgreSQL", postgres, ["tables of Better Auth 1.4 to 1.6", "column jwks.alg", "column jwks.crv"]],
  ["better-auth-1.7.1", "PostgreSQL", postgres, ["tables of Better Auth 1.7.0 to 1.7.2", "account.issuer"]],
  ["better-auth", "PostgreSQL", postgres, ["tables of Better Auth 1.7.3 or later"]],
  ["better-auth", "MariaDB", mysql, ["tables of Better Auth 1.7.3 or later"]],
  ["better-auth", "PostgreSQL", postgres, ["tables of Better Auth 1.7.3 or later"], "uuid"],
  ["better-auth", "PostgreSQL", postgres, ["tables of Better Auth 1.7.3 or later"], "serial"],
  ["better-auth", "MariaDB", mysql, ["tables of Better Auth 1.7.3 or later"], "serial"],
];
const PEOPLE = Number(process.env.ADOPT_PEOPLE ?? 6);
const PASSWORDS = Math.min(PEOPLE, Number(process.env.ADOPT_PASSWORDS ?? PEOPLE));
const PUBLIC = "http://auth.example.test";
const SESSION_COOKIE = "better-auth.session_token";
const TABLES = ["user", "account", "session", "verification", "jwks", "orders"];

// Node reads scrypt only: while it may come back, hashes stay in that form.
const config = (generateId) => ({
  baseURL: PUBLIC,
  emailAndPassword: { enabled: true, password: { algorithm: "scrypt" } },
  advanced: generateId ? { database: { generateId } } : {},
});
const startNode = (database, version, generateId) =>
  startServer({ database: database.url, config: config(generateId), binary: REFERENCE, env: { BETTER_AUTH: version } });
const startOurs = (database, generateId) => startServer({ database: database.url, config: config(generateId) });

/** Runs `auth-server adopt --check` on a database. */
function adoptCheck(database) {
  const env = { PATH: process.env.PATH, DATABASE_URL: database.url };
  const { status, stdout, stderr } = spawnSync(BINARY, ["adopt", "--check"], { env, cwd: tmpdir(), encoding: "utf8" });
  return { code: status, output: stdout + stderr };
}

/** Runs statements in the database's own SQL; `name` quotes a name. */
async function inDatabase({ url }, act) {
  if (url.startsWith("mysql:")) {
    const connection = await mysql2.createConnection({ uri: url, dateStrings: true });
    const query = (statement) => connection.query(statement).then(([rows]) => rows);
    return act(query, (name) => `\`${name}\``).finally(() => connection.end());
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const query = (statement) => client.query(statement).then(({ rows }) => rows);
  return act(query, (name) => `"${name}"`).finally(() => client.end());
}

/** Eight at a time, as a site's visitors come. */
async function forEach(items, act) {
  const rest = [...items];
  await Promise.all(Array.from({ length: 8 }, async () => { while (rest.length) await act(rest.shift()); }));
}

/** Every column with its type, and every row as text: of the columns of `only`, an earlier photograph, if given. */
const photograph = (database, only) => inDatabase(database, async (query, name) => {
  const schema = database.url.startsWith("mysql:") ? "database()" : "current_schema()";
  const columns = (await query(`select table_name as t, column_name as c, data_type as kind, is_nullable as nullable, column_default as standard
    from information_schema.columns where table_schema = ${schema} order by 1, 2`)).filter(({ t }) => TABLES.includes(t)).map((row) => ({ ...row }));
  const rows = {};
  for (const table of TABLES) {
    const names = (only?.columns ?? columns).filter(({ t }) => t === table).map(({ c }) => name(c));
    const found = await query(`select ${names.join(", ")} from ${name(table)}`);
    rows[table] = new Map(found.map((row) => [String(row.id), JSON.stringify(row)]));
  }
  return { rows, columns };
});

/** Those of the people who try their passwords. */
const asked = (people) => Array.from({ length: PASSWORDS }, (_, at) => people[Math.floor((at * people.length) / PASSWORDS)]);

/** The person's browser opens a page of `server`. */
function visit(server, person) {
  const page = openPage(server, { origin: PUBLIC });
  page.browser.plant(SESSION_COOKIE, person.cookie);
  return page;
}

async function cookieWorks(server, person) {
  const { client } = visit(server, person);
  const { user, session } = data(await client.getSession());
  assert.deepEqual([user.id, user.email, session.token], [person.user.id, person.email, person.token]);
}

async function passwordWorks(server, person) {
  const { user } = data(await openPage(server, { origin: PUBLIC }).client.signIn.email({ email: person.email, password: PASSWORD }));
  assert.equal(user.id, person.user.id);
}

async function tokenVerifies(server, jwt, person) {
  const { payload } = await jwtVerify(jwt, createRemoteJWKSet(new URL(`${server.base}/jwks`)), { issuer: PUBLIC, audience: PUBLIC });
  assert.equal(payload.sub, person.user.id);
}

async function join(server, details) {
  const person = await signUp(server, { origin: PUBLIC, ...details });
  return { ...person, cookie: person.browser.cookie(SESSION_COOKIE) };
}

for (const [version, kind, makeDatabase, findings, generateId] of CASES) {
  const title = `a ${kind} database of ${version}${generateId ? ` with ${generateId} ids` : ""}, taken over and given back`;
  // Not by node's own filter, which runs what comes before the tests all the same.
  if (!title.includes(process.env.ADOPT_ONLY ?? "")) continue;
  describe(title, () => {
    const people = [];
    let database, server, first, jwtOfNode, jwtOfOurs, newcomer;
    before(async () => {
      database = await makeDatabase();
      server = await startNode(database, version, generateId);
      await forEach(Array.from({ length: PEOPLE }, (_, at) => `Person ${at} ✓`), async (name) => people.push(await join(server, { name })));
      jwtOfNode = data(await people[0].client.token()).token;
      await inDatabase(database, async (query, name) => {
        await query(`alter table ${name("user")} add column legacy_note varchar(20) not null default 'keep'`);
        await query(`create table orders (id varchar(64) primary key, total numeric(10, 2))`);
        await query(`insert into orders select concat(id, ''), 12.5 from ${name("user")}`);
      });
      first = await photograph(database);
      await server.stop();
      server = null;
    });
    after(async () => {
      await server?.stop();
      await database?.drop();
    });

    test("adopt --check names what it found and changes nothing", async () => {
      const { code, output } = adoptCheck(database);
      assert.equal(code, 0, output);
      const setting = generateId ? [`has to be set:\n  advanced.database.generateId = "${generateId}"`] : [];
      for (const finding of [...findings, ...setting, "column user.legacy_note", "table orders"]) assert.ok(output.includes(finding), `${finding} in:\n${output}`);
      assert.deepEqual(await photograph(database), first);
    });

    test("our server starts on it, and no column is lost or retyped", async () => {
      server = await startOurs(database, generateId);
      const { columns } = await photograph(database);
      const named = new Map(columns.map((column) => [`${column.t}.${column.c}`, column]));
      for (const column of first.columns) assert.deepEqual(named.get(`${column.t}.${column.c}`), column);
    });

    test("every browser is still signed in", () => forEach(people, (person) => cookieWorks(server, person)));

    test("every password works", () => forEach(asked(people), (person) => passwordWorks(server, person)));

    test("a token that Node issued verifies against our key set, which is Node's", async () => {
      await tokenVerifies(server, jwtOfNode, people[0]);
      jwtOfOurs = data(await visit(server, people[0]).client.token()).token;
      await tokenVerifies(server, jwtOfOurs, people[0]);
      assert.equal((await photograph(database)).rows.jwks.size, 1);
    });

    test("a newcomer signs up, and somebody changes a name", async () => {
      newcomer = await join(server, { name: "Newcomer" });
      data(await visit(server, people[1]).client.updateUser({ name: "Renamed" }));
    });

    test("every row of before is as it was, but for the one that was changed", async () => {
      const { rows } = await photograph(database, first);
      const changed = [];
      for (const table of TABLES) for (const [id, row] of first.rows[table]) if (rows[table].get(id) !== row) changed.push(`${table} ${id}`);
      assert.deepEqual(changed, [`user ${people[1].user.id}`]);
      const grown = Object.fromEntries(TABLES.map((table) => [table, rows[table].size - first.rows[table].size]));
      assert.deepEqual(grown, { user: 1, account: 1, session: PASSWORDS + 1, verification: 0, jwks: 0, orders: 0 });
    });

    test("back on Node, every browser is still signed in and every password works", async () => {
      await server.stop();
      server = await startNode(database, version, generateId);
      await forEach([...people, newcomer], (person) => cookieWorks(server, person));
      await forEach([...asked(people), newcomer], (person) => passwordWorks(server, person));
    });

    test("back on Node, tokens of both verify", async () => {
      await tokenVerifies(server, jwtOfOurs, people[0]);
      await tokenVerifies(server, jwtOfNode, people[0]);
      await tokenVerifies(server, data(await visit(server, newcomer).client.token()).token, newcomer);
    });
  });
}

const REFUSED = {
  "tables with Drizzle's names": [`create table users (id text primary key, email_verified boolean not null)`, "named as Drizzle's generator"],
  "a column that no row of ours could fill": [`create table "user" (id text primary key, name text not null, email text not null,
    "emailVerified" boolean not null, image text, "createdAt" timestamptz not null, "updatedAt" timestamptz not null, tenant text not null)`, "user.tenant takes no null"],
  "ids that are bytes": [`create table verification (id bytea primary key, identifier text not null, value text not null,
    "expiresAt" timestamptz not null, "createdAt" timestamptz, "updatedAt" timestamptz)`, "verification.id has the type bytea"],
};
for (const [what, [statement, reason]] of Object.entries(REFUSED)) {
  test(`${what} are refused by name, by the check and by the server's start`, async () => {
    const database = await postgres();
    try {
      await inDatabase(database, (query) => query(statement));
      const { code, output } = adoptCheck(database);
      assert.equal(code, 1);
      assert.ok(output.includes(reason), output);
      await assert.rejects(startOurs(database), /cannot be served/);
    } finally {
      await database.drop();
    }
  });
}
