import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { askServer, readClaims, TokenError, tokenSource } from "../token-source.js";

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const START = 1_893_456_000_000;

/** An auth server and an API in this process, with a clock that stands still. */
function world({ lifetime = 900, skew = 0 } = {}) {
  const it = { now: START, asked: 0, lifetime, fail: null, seen: [], statuses: [], hold: null };
  const jwt = () => {
    const iat = Math.floor(it.now / 1000) + skew;
    return `${encode({ alg: "none" })}.${encode({ n: it.asked, name: "Zoë", iat, exp: iat + it.lifetime })}.x`;
  };
  it.ask = async () => {
    it.asked += 1;
    const token = jwt();
    if (it.hold) await it.hold;
    if (it.fail) throw it.fail;
    return token;
  };
  it.send = async (request) => {
    it.seen.push(request.headers.get("authorization"));
    it.bodies = [...(it.bodies ?? []), await request.text()];
    return new Response(null, { status: it.statuses.shift() ?? 200 });
  };
  it.tokens = (options) => tokenSource(it.ask, { now: () => it.now, fetch: it.send, ...options });
  return it;
}

test("fifty calls at once, and later ones, share one token", async () => {
  const it = world();
  const tokens = it.tokens();
  const all = await Promise.all(Array.from({ length: 50 }, () => tokens.get()));
  assert.equal(new Set(all).size, 1);
  it.now += 889_999;
  await tokens.fetch("http://api.test/");
  assert.equal(it.asked, 1);
});

test("fifty calls at expiry ask once, ten seconds before the end", async () => {
  const it = world();
  const tokens = it.tokens();
  const old = await tokens.get();
  it.now += 890_000;
  const answers = await Promise.all(Array.from({ length: 50 }, () => tokens.fetch("http://api.test/me")));
  assert.ok(answers.every((answer) => answer.status === 200));
  assert.equal(it.asked, 2);
  assert.equal(new Set(it.seen).size, 1);
  assert.notEqual(it.seen[0], `Bearer ${old}`);
});

test("a short token is used for half its life", async () => {
  const it = world({ lifetime: 6 });
  const tokens = it.tokens();
  await tokens.get();
  it.now += 2_999;
  await tokens.get();
  assert.equal(it.asked, 1);
  it.now += 1;
  await tokens.get();
  assert.equal(it.asked, 2);
});

for (const skew of [-86_400, 86_400]) {
  test(`a server's clock that is ${skew} s off changes nothing`, async () => {
    const it = world({ skew });
    const tokens = it.tokens();
    await tokens.get();
    it.now += 889_000;
    await tokens.get();
    assert.equal(it.asked, 1);
    it.now += 1_000;
    await tokens.get();
    assert.equal(it.asked, 2);
  });
}

test("a clock that is set back does not keep a token alive", async () => {
  const it = world();
  const tokens = it.tokens();
  await tokens.get();
  it.now -= 60_000;
  await tokens.get();
  assert.equal(it.asked, 2);
});

test("a failure reaches all who wait, pauses for a second, and is not remembered longer", async () => {
  const it = world();
  const tokens = it.tokens();
  it.fail = new Error("down");
  const all = await Promise.allSettled(Array.from({ length: 50 }, () => tokens.get()));
  assert.ok(all.every(({ reason }) => reason === it.fail));
  await assert.rejects(tokens.get(), /down/);
  assert.equal(it.asked, 1);
  it.fail = null;
  it.now += 1_000;
  assert.ok(await tokens.get());
  assert.equal(it.asked, 2);
});

test("the pause is as long as the server says, within a minute", async () => {
  for (const [retryAfterMs, pause] of [[7_000, 7_000], [3_600_000, 60_000], [0, 1_000]]) {
    const it = world();
    const tokens = it.tokens();
    it.fail = new TokenError("busy", { status: 503, retryAfterMs });
    await assert.rejects(tokens.get());
    it.now += pause - 1;
    await assert.rejects(tokens.get());
    assert.equal(it.asked, 1);
    it.now += 1;
    await assert.rejects(tokens.get());
    assert.equal(it.asked, 2);
  }
});

test("while the server is away the old token is used to its end", async () => {
  const it = world();
  const tokens = it.tokens();
  const old = await tokens.get();
  it.fail = new Error("down");
  it.now += 895_000;
  assert.equal(await tokens.get(), old);
  assert.equal(await tokens.get(), old);
  assert.equal(it.asked, 2);
  it.now += 5_000;
  await assert.rejects(tokens.get(), /down/);
});

test("a session that is over ends the old token at once", async () => {
  const it = world();
  const tokens = it.tokens();
  await tokens.get();
  it.fail = new TokenError("nobody is signed in", { status: 401 });
  it.now += 895_000;
  await assert.rejects(tokens.get(), { status: 401 });
  await assert.rejects(tokens.get(), { status: 401 });
  assert.equal(it.asked, 2);
});

test("a sign-out during a request keeps its token out of memory", async () => {
  const it = world();
  const tokens = it.tokens();
  let release;
  it.hold = new Promise((resolve) => { release = resolve; });
  const pending = tokens.get();
  tokens.clear();
  it.hold = null;
  const next = await tokens.get();
  release();
  assert.notEqual(await pending, next);
  assert.equal(await tokens.get(), next);
  assert.equal(tokens.claims().n, 2);
  tokens.clear();
  assert.equal(tokens.claims(), null);
});

test("a 401 is tried once more, with a new token and the same body", async () => {
  const it = world();
  const tokens = it.tokens();
  it.statuses = [401, 200];
  const answer = await tokens.fetch("http://api.test/orders", { method: "POST", body: "one", headers: { "x-own": "1" } });
  assert.equal(answer.status, 200);
  assert.equal(it.asked, 2);
  assert.deepEqual(it.bodies, ["one", "one"]);
  assert.notEqual(it.seen[0], it.seen[1]);
});

test("a second 401 stands", async () => {
  const it = world();
  const tokens = it.tokens();
  it.statuses = [401, 401, 200];
  assert.equal((await tokens.fetch("http://api.test/")).status, 401);
  assert.equal(it.seen.length, 2);
});

test("fifty refused calls at once ask once and are all tried again", async () => {
  const it = world();
  const tokens = it.tokens();
  await tokens.get();
  it.statuses = Array(50).fill(401);
  const answers = await Promise.all(Array.from({ length: 50 }, () => tokens.fetch("http://api.test/")));
  assert.ok(answers.every((answer) => answer.status === 200));
  assert.equal(it.asked, 2);
});

test("an API that refuses every token asks for one in ten seconds", async () => {
  const it = world();
  const tokens = it.tokens();
  it.statuses = Array(1_000).fill(401);
  for (let call = 0; call < 100; call++) assert.equal((await tokens.fetch("http://api.test/")).status, 401);
  assert.equal(it.asked, 2);
  it.now += 10_000;
  await tokens.fetch("http://api.test/");
  assert.equal(it.asked, 3);
});

test("the answer stands when there is no other token", async () => {
  const it = world();
  const tokens = it.tokens();
  await tokens.get();
  it.statuses = [401];
  it.fail = new TokenError("nobody is signed in", { status: 401 });
  assert.equal((await tokens.fetch("http://api.test/")).status, 401);
});

test("the token goes to the named APIs only", async () => {
  const it = world();
  const tokens = it.tokens({ origins: ["https://api.test"] });
  await tokens.fetch("https://api.test/x");
  for (const url of ["https://evil.test/", "http://api.test/", "https://api.test:8443/", "https://api.test.evil.test/"]) {
    await assert.rejects(tokens.fetch(url), TokenError);
  }
  await assert.rejects(tokens.fetch("https://api.test@evil.test/"));
  assert.equal(it.seen.length, 1);
});

test("what is no token is refused", async () => {
  const exp = Math.floor(START / 1000);
  for (const bad of ["", "a.b", "a.!!.c", `a.${encode("text")}.c`, `a.${encode({})}.c`, `a.${encode({ iat: exp, exp })}.c`, `a.${encode({ iat: 1, exp: "x" })}.c`]) {
    await assert.rejects(tokenSource(async () => bad, { now: () => START }).get(), TokenError, bad);
  }
  assert.equal(readClaims(`a.${encode({ name: "Zoë" })}.c`).name, "Zoë");
});

test("askServer reads the server's answers", async (t) => {
  const answers = [
    [200, { token: "a.b.c" }], [401, {}], [503, {}, { "retry-after": "3" }], [429, {}, { "x-retry-after": "4" }], [200, { nothing: 1 }], [200, "text"],
    [302, {}, { location: "/elsewhere" }],
  ];
  const seen = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    const [status, body, headers] = answers[seen.length - 1];
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${server.address().port}/api/auth/token`;
  const ask = askServer(url, { headers: { authorization: "Bearer s" } });
  assert.equal(await ask(), "a.b.c");
  await assert.rejects(ask(), { name: "TokenError", status: 401 });
  await assert.rejects(ask(), { status: 503, retryAfterMs: 3000 });
  await assert.rejects(ask(), { status: 429, retryAfterMs: 4000 });
  await assert.rejects(ask(), { status: 200 });
  await assert.rejects(ask(), TokenError);
  await assert.rejects(ask(), { name: "TokenError", status: undefined });
  assert.deepEqual(new Set(seen), new Set(["Bearer s"]));
  assert.equal(seen.length, answers.length);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(ask(), TokenError);
});
