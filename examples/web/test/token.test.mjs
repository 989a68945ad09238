import assert from "node:assert/strict";
import { test } from "node:test";
import { tokenSource } from "../src/token.js";

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const jwt = (name, lifetime = 900) => `${encode({ alg: "none" })}.${encode({ name, exp: Math.floor(Date.now() / 1000) + lifetime })}.x`;

function stubFetch(t, statuses) {
  const seen = [];
  t.mock.method(globalThis, "fetch", async (_url, init) => {
    seen.push(init.headers.authorization);
    return new Response(null, { status: statuses[seen.length - 1] });
  });
  return seen;
}

test("fifty callers at once share one token request", async () => {
  let asked = 0;
  const tokens = tokenSource(async () => { asked += 1; return jwt("a"); });
  await Promise.all(Array.from({ length: 50 }, () => tokens.get()));
  await tokens.get();
  assert.equal(asked, 1);
});

test("renews a token that is about to expire", async () => {
  const lifetimes = [9, 900];
  let asked = 0;
  const tokens = tokenSource(async () => jwt("a", lifetimes[asked++]));
  await tokens.get();
  await tokens.get();
  await tokens.get();
  assert.equal(asked, 2);
});

test("a failed request is not remembered", async () => {
  let asked = 0;
  const tokens = tokenSource(async () => { asked += 1; if (asked === 1) throw new Error("down"); return jwt("a"); });
  await assert.rejects(tokens.get(), /down/);
  assert.equal(await tokens.get(), jwt("a"));
});

test("sign-out during a request keeps its token out of memory", async () => {
  let answer;
  const tokens = tokenSource(() => new Promise((resolve) => { answer = resolve; }));
  const pending = tokens.get();
  tokens.clear();
  answer(jwt("old"));
  await pending;
  assert.equal(tokens.claims(), null);
});

test("one new token and one retry after a 401", async (t) => {
  const seen = stubFetch(t, [401, 200]);
  let asked = 0;
  const tokens = tokenSource(async () => jwt(`token-${asked++}`));
  const response = await tokens.fetch("http://api.test/me");
  assert.equal(response.status, 200);
  assert.equal(asked, 2);
  assert.notEqual(seen[0], seen[1]);
});

test("a second 401 stands", async (t) => {
  const seen = stubFetch(t, [401, 401, 200]);
  let asked = 0;
  const tokens = tokenSource(async () => jwt(`token-${asked++}`));
  const response = await tokens.fetch("http://api.test/me");
  assert.equal(response.status, 401);
  assert.equal(seen.length, 2);
});
