import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { proxyTo } from "../proxy.mjs";

async function listen(t, handler) {
  const server = http.createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => { server.closeAllConnections(); server.close(); });
  return `http://127.0.0.1:${server.address().port}`;
}

async function behindProxy(t, handler, options) {
  const upstream = await listen(t, handler);
  const proxy = proxyTo(`${upstream}/base`, options);
  return listen(t, (request, response) => proxy(request, response, request.url));
}

const echo = async (request, response) => {
  const chunks = await request.toArray();
  response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() }));
};

test("keeps every Set-Cookie and hands redirects to the browser", async (t) => {
  const front = await behindProxy(t, (_request, response) => {
    response.writeHead(302, { location: "/elsewhere?a=1", "set-cookie": ["a=1; Path=/", "b=2; HttpOnly"] });
    response.end();
  });
  const answer = await fetch(`${front}/x`, { redirect: "manual" });
  assert.equal(answer.status, 302);
  assert.equal(answer.headers.get("location"), "/elsewhere?a=1");
  assert.deepEqual(answer.headers.getSetCookie(), ["a=1; Path=/", "b=2; HttpOnly"]);
});

test("passes path, query, body, cookie and origin on", async (t) => {
  const front = await behindProxy(t, echo);
  const answer = await fetch(`${front}/x?y=%2F`, { method: "POST", body: "hello", headers: { cookie: "s=1", origin: "http://page.test" } });
  const seen = await answer.json();
  assert.equal(seen.method, "POST");
  assert.equal(seen.url, "/base/x?y=%2F");
  assert.equal(seen.body, "hello");
  assert.equal(seen.headers.cookie, "s=1");
  assert.equal(seen.headers.origin, "http://page.test");
});

test("replaces forwarding headers that the caller made up", async (t) => {
  const front = await behindProxy(t, echo);
  const seen = await (await fetch(front, { headers: { "x-forwarded-for": "203.0.113.9", "x-forwarded-host": "evil.test" } })).json();
  assert.equal(seen.headers["x-forwarded-for"], "127.0.0.1");
  assert.equal(seen.headers["x-forwarded-host"], new URL(front).host);
});

test("does not show the cookie to an upstream that has no business with it", async (t) => {
  const front = await behindProxy(t, echo, { dropCookies: true });
  const seen = await (await fetch(front, { headers: { cookie: "s=1", authorization: "Bearer x" } })).json();
  assert.equal(seen.headers.cookie, undefined);
  assert.equal(seen.headers.authorization, "Bearer x");
});

test("a POST without a body stays without one", async (t) => {
  const front = await behindProxy(t, echo);
  const seen = await (await fetch(front, { method: "POST" })).json();
  assert.equal(seen.headers["content-length"], "0");
  assert.equal(seen.headers["transfer-encoding"], undefined);
});

test("drops the headers of one connection, named ones too", async (t) => {
  const front = await behindProxy(t, echo);
  const { port } = new URL(front);
  const request = http.request({ port, headers: { connection: "close, x-private", "x-private": "1", te: "trailers" } });
  const [response] = await Promise.all([once(request, "response").then(([r]) => r), request.end()]);
  const seen = JSON.parse(Buffer.concat(await response.toArray()).toString());
  assert.equal(seen.headers["x-private"], undefined);
  assert.equal(seen.headers.te, undefined);
});

test("says 502 when nobody answers, without the upstream's address", async (t) => {
  const proxy = proxyTo("http://127.0.0.1:1");
  t.mock.method(console, "error", () => {});
  const front = await listen(t, (request, response) => proxy(request, response, request.url));
  const answer = await fetch(front);
  assert.equal(answer.status, 502);
  const { code, message } = await answer.json();
  assert.equal(code, "BAD_GATEWAY");
  assert.doesNotMatch(message, /127\.0\.0\.1/);
});
