// clients/token-source.js in Node, with the session token of a sign-in, against our server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { askServer, readClaims, tokenSource } from "../../clients/token-source.js";
import { sqlite } from "../support/databases.mjs";
import { startServer } from "../support/server.mjs";
import { data, signUp } from "../support/client.mjs";

let database, server;
before(async () => {
  database = await sqlite();
  server = await startServer({ database: database.url });
});
after(async () => {
  await server?.stop();
  await database?.drop();
});

/** Tokens of a session, the requests for them, and a clock to move. */
function tokensOf(session) {
  const it = { ahead: 0, asked: 0 };
  const url = `${server.origin}${server.basePath}/token`;
  const counted = (...args) => { it.asked += 1; return fetch(...args); };
  it.tokens = tokenSource(askServer(url, { headers: { authorization: `Bearer ${session}` }, fetch: counted }), { now: () => Date.now() + it.ahead });
  it.fifty = async () => [...new Set(await Promise.all(Array.from({ length: 50 }, () => it.tokens.get())))];
  return it;
}

test("fifty calls at expiry make one request for a token", async () => {
  const { token, user } = await signUp(server);
  const it = tokensOf(token);
  const [first, ...others] = await it.fifty();
  assert.deepEqual([others, it.asked, readClaims(first).sub], [[], 1, user.id]);
  it.ahead = 889_000;
  assert.deepEqual(await it.fifty(), [first]);
  assert.equal(it.asked, 1);
  it.ahead = 891_000;
  const second = await it.fifty();
  assert.deepEqual([second.length, it.asked], [1, 2]);
  assert.notEqual(second[0], first);
});

test("fifty calls after the sign-out make one request and say that nobody is signed in", async () => {
  const { client, browser, token } = await signUp(server);
  const it = tokensOf(token);
  await it.fifty();
  data(await client.signOut());
  assert.equal(browser.cookie("better-auth.session_token"), undefined);
  it.ahead = 895_000;
  const all = await Promise.allSettled(Array.from({ length: 50 }, () => it.tokens.get()));
  assert.ok(all.every(({ reason }) => reason?.status === 401), JSON.stringify(all[0]));
  assert.equal(it.asked, 2);
});
