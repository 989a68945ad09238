// node demo.mjs WORK_DIRECTORY BINARY_DIRECTORY   (run.sh builds, installs and calls this)
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { drivePage, findChromium } from "../web/browser-check.mjs";
import { jarClient } from "../web/jar-client.mjs";
import { drive } from "./drive.mjs";
import { Processes, freePorts } from "./processes.mjs";
import { Report } from "./report.mjs";

const TOKEN_LIFE_S = 900;
const SHORT_LIFE_S = 6;
// The most clock leeway that an API may grant after `exp`.
const MAX_LEEWAY_S = 5;

const [dir, binaries] = process.argv.slice(2);
const example = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const binary = (...names) => names.map((name) => join(binaries, name)).find(existsSync) ?? join(binaries, names[0]);

const processes = new Processes(dir);
const report = new Report((name) => processes.logTail(name));

const [authPort, shortPort, actixPort, nodePort, pythonPort, webPort] = await freePorts(6);
const issuer = `http://localhost:${authPort}`;
const page = `http://localhost:${webPort}`;
const jwksUrl = `http://127.0.0.1:${authPort}/api/auth/jwks`;
const apis = [
  { name: "actix", process: "protected-api", url: `http://127.0.0.1:${actixPort}` },
  { name: "jose", process: "node-api", url: `http://127.0.0.1:${nodePort}` },
  { name: "PyJWT", process: "python-api", url: `http://127.0.0.1:${pythonPort}` },
];
const [actix] = apis;
const reindex = `${actix.url}/internal/reindex`;
const servicesJwksUrl = `http://127.0.0.1:${authPort}/api/auth/s2s/jwks`;
const workerEnv = { WORKER_KEY_FILE: join(dir, "worker.key"), AUTH_URL: `${issuer}/api/auth` };
const worker = binary("example-worker", "worker");

const decode = (part) => JSON.parse(Buffer.from(part, "base64url").toString());
const seconds = () => Date.now() / 1000;

async function call(url, token, method = "GET") {
  const response = await fetch(url, { method, headers: token ? { authorization: `Bearer ${token}` } : {}, signal: AbortSignal.timeout(10_000) });
  return { status: response.status, body: await response.text(), challenge: response.headers.get("www-authenticate") };
}

function expectStatus(answer, status) {
  assert.equal(answer.status, status, `expected ${status}, got ${answer.status}: ${answer.body.slice(0, 300)}`);
}

/** 401 and a challenge that says why, as RFC 6750 asks. */
function expectRefused(answer) {
  expectStatus(answer, 401);
  assert.match(answer.challenge ?? "(no WWW-Authenticate)", /^Bearer\b.*error="invalid_token"/i);
  return '401, error="invalid_token"';
}

function authEnvironment(port) {
  return {
    NODE_ENV: "development",
    PORT: String(port),
    DATABASE_URL: `sqlite:${join(dir, "auth.db")}`,
    BETTER_AUTH_URL: issuer,
    BETTER_AUTH_SECRET: secret,
    BETTER_AUTH_TRUSTED_ORIGINS: page,
  };
}

function authServer(name, port, extra = {}) {
  processes.start(name, binary("auth-server"), [], { ...authEnvironment(port), ...extra });
}
const secret = randomBytes(32).toString("base64");

async function startEverything() {
  report.heading("Start");
  await report.must("worker makes its own key pair", ["worker"], async () => {
    await processes.run("worker", worker, ["keygen", workerEnv.WORKER_KEY_FILE, join(dir, "worker.pub")]);
  });
  authServer("auth-server", authPort);
  await report.must("auth server on a fresh SQLite database: GET /api/auth/ok", ["auth-server"], () => processes.ready("auth-server", `${issuer}/api/auth/ok`));

  await report.must("the operator registers it: auth-server service add worker --jwk FILE", ["auth-server"], async () => {
    const file = join(dir, "worker.jwk");
    writeFileSync(file, await processes.run("worker", worker, ["public-key"], workerEnv));
    await processes.run("auth-server-cli", binary("auth-server"), ["service", "add", "worker", "--jwk", file], authEnvironment(authPort));
    const deadline = Date.now() + 10_000;
    for (;;) {
      const { keys } = await (await fetch(servicesJwksUrl)).json();
      if (keys.length === 1) return `GET /s2s/jwks: ${keys[0].kid}`;
      assert.ok(Date.now() < deadline, "the running server does not show the key");
      await sleep(100);
    }
  });

  const trust = { AUTH_ISSUER: issuer, AUTH_AUDIENCE: issuer, AUTH_JWKS_URL: jwksUrl };
  processes.start("protected-api", binary("example-protected-api", "protected-api"), [], { ...trust, PORT: String(actixPort), SERVICES_JWKS_URL: servicesJwksUrl });
  processes.start("node-api", process.execPath, [example("node-api/server.mjs")], { ...trust, PORT: String(nodePort) });
  processes.start("python-api", example("python-api/.venv/bin/python"), [example("python-api/app.py")], { ...trust, PORT: String(pythonPort) });
  processes.start("web", process.execPath, [example("web/server.mjs")], { PORT: String(webPort), AUTH_URL: `http://127.0.0.1:${authPort}/api/auth`, API_URL: actix.url });
  for (const api of apis) {
    await report.must(`${api.name} API is up: GET /health`, [api.process], () => processes.ready(api.process, `${api.url}/health`));
  }
  await report.must("page is up and reaches the auth server on its own origin", ["web", "auth-server"], () => processes.ready("web", `${page}/api/auth/ok`));
}

/** The official client, in Node with a cookie jar, on the page's origin. Answers the client and a JWT. */
async function signUp() {
  report.heading("Browser client (official better-auth client, cookie jar, page's origin)");
  const visitor = jarClient(page);
  const email = "ada@example.test";
  let user;
  await report.must("signUp.email: POST /sign-up/email", ["auth-server", "web"], async () => {
    const { data, error } = await visitor.client.signUp.email({ name: "Ada", email, password: "correct horse battery" });
    assert.ok(data, JSON.stringify(error));
    user = data.user;
    assert.equal(user.email, email);
    return `user ${user.id}`;
  });
  await report.step("the session cookie is HttpOnly, SameSite=Lax, Path=/", ["auth-server"], async () => {
    const line = visitor.answers.at(-1).headers.getSetCookie().find((cookie) => cookie.startsWith("better-auth.session_token="));
    assert.ok(line, "no better-auth.session_token cookie");
    for (const attribute of [/;\s*HttpOnly/i, /;\s*SameSite=Lax/i, /;\s*Path=\/(;|$)/i]) assert.match(line.replace(/=[^;]*/, "=..."), attribute);
  });
  await report.must("getSession: GET /get-session with that cookie", ["auth-server", "web"], async () => {
    const { data, error } = await visitor.client.getSession();
    assert.equal(data?.user.id, user.id, JSON.stringify(error));
    return data.user.email;
  });
  let token;
  await report.must("token: GET /token, 15 minutes, for this user", ["auth-server", "web"], async () => {
    const { data, error } = await visitor.client.token();
    assert.ok(data?.token, JSON.stringify(error));
    token = data.token;
    const [header, claims] = token.split(".", 2).map(decode);
    assert.equal(claims.sub, user.id);
    assert.equal(claims.iss, issuer);
    assert.equal(claims.aud, issuer);
    assert.equal(claims.exp - claims.iat, TOKEN_LIFE_S);
    const { keys } = await (await fetch(jwksUrl)).json();
    assert.ok(keys.some((key) => key.kid === header.kid), "the token's key is not in /jwks");
    return `${header.alg}, its key is in GET /jwks`;
  });
  return { visitor, user, token };
}

async function callApis(user, token) {
  report.heading("Three APIs, each with its own verifier");
  for (const api of apis) {
    await report.step(`${api.name} API accepts the JWT: GET /me`, [api.process, "auth-server"], async () => {
      const answer = await call(`${api.url}/me`, token);
      expectStatus(answer, 200);
      assert.ok(answer.body.includes(user.id), `the answer does not name the user: ${answer.body.slice(0, 300)}`);
      return "200";
    });
  }
  for (const api of apis) {
    await report.step(`${api.name} API asks for a token when there is none`, [api.process], async () => {
      const answer = await call(`${api.url}/me`);
      expectStatus(answer, 401);
      assert.match(answer.challenge ?? "(no WWW-Authenticate)", /^Bearer\b/i);
      return "401";
    });
  }
  const [header, payload, signature] = token.split(".");
  const forged = [header, Buffer.from(JSON.stringify({ ...decode(payload), role: "admin" })).toString("base64url"), signature].join(".");
  for (const api of apis) {
    await report.step(`${api.name} API refuses a token whose payload was changed`, [api.process], async () => expectRefused(await call(`${api.url}/me`, forged)));
  }
  await report.step("actix API: a user without the role on GET /admin", [actix.process], async () => {
    expectStatus(await call(`${actix.url}/admin`, token), 403);
    return "403";
  });
}

async function letTokenExpire(visitor, user, token) {
  report.heading(`Expiry (a second auth server on the same database, tokens live ${SHORT_LIFE_S} s)`);
  authServer("auth-server-short", shortPort, { JWT_EXPIRES_IN: `${SHORT_LIFE_S}s` });
  const base = `http://localhost:${shortPort}/api/auth`;
  await report.must("second auth server is up", ["auth-server-short"], () => processes.ready("auth-server-short", `${base}/ok`));

  let brief;
  await report.must("it knows the first one's cookie and signs with the same key: GET /token", ["auth-server-short"], async () => {
    const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(`${base}/token`, { headers: { cookie } });
    const body = await response.text();
    expectStatus({ status: response.status, body }, 200);
    brief = JSON.parse(body).token;
    const claims = decode(brief.split(".")[1]);
    assert.equal(claims.sub, user.id);
    assert.equal(claims.exp - claims.iat, SHORT_LIFE_S);
    assert.equal(decode(brief.split(".")[0]).kid, decode(token.split(".")[0]).kid);
  });
  // Good while it lives: otherwise the refusals below would prove nothing.
  await report.step("all three APIs accept it while it lives", apis.map((api) => api.process), async () => {
    const answers = await Promise.all(apis.map((api) => call(`${api.url}/me`, brief)));
    assert.deepEqual(answers.map((answer) => answer.status), [200, 200, 200]);
  });

  const { exp } = decode(brief.split(".")[1]);
  for (let left = exp - seconds(); left > 0; left = exp - seconds()) {
    report.note(`waiting for the end of the token: ${Math.ceil(left)} s`);
    await sleep(Math.min(left, 2) * 1000 + 20);
  }
  // All at once, so that one API's leeway does not hide another's.
  const refusals = apis.map(async (api) => {
    for (;;) {
      const answer = await call(`${api.url}/me`, brief);
      const after = Math.max(0, Math.round(seconds() - exp));
      if (answer.status !== 200 || seconds() > exp + MAX_LEEWAY_S + 1) return { answer, after };
      report.note(`${api.name} still grants leeway, ${after} s after the end`);
      await sleep(1000);
    }
  });
  await Promise.allSettled(refusals);
  for (const [index, api] of apis.entries()) {
    await report.step(`${api.name} API refuses the expired token`, [api.process], async () => {
      const { answer, after } = await refusals[index];
      return `${expectRefused(answer)}, ${after} s after its end`;
    });
  }
}

async function callServices(token) {
  report.heading("Service to service (60-second tokens, the worker's own key)");
  await report.step("worker calls the service route: POST /internal/reindex", ["worker", actix.process], async () => {
    const printed = await processes.run("worker", worker, ["call", reindex], workerEnv);
    assert.match(printed, /^200\b/, `expected 200, the worker printed: ${printed}`);
    return printed;
  });
  let serviceToken;
  await report.must("worker token: service:worker for service:api, 60 s", ["worker"], async () => {
    serviceToken = (await processes.run("worker", worker, ["token"], workerEnv)).split("\n").at(-1);
    const claims = decode(serviceToken.split(".")[1]);
    assert.equal(claims.sub, "service:worker");
    assert.deepEqual([claims.aud].flat(), ["service:api"]);
    assert.equal(claims.exp - claims.iat, 60);
  });
  await report.step("the same token over plain HTTP on the service route", [actix.process], async () => {
    expectStatus(await call(reindex, serviceToken, "POST"), 200);
    return "200";
  });
  const checkers = [
    { name: "jose", run: (...args) => processes.run("jose", process.execPath, [example("node-api/service-token.mjs"), ...args]) },
    { name: "PyJWT", run: (...args) => processes.run("PyJWT", example("python-api/.venv/bin/python"), [example("python-api/service_token.py"), ...args]) },
  ];
  for (const { name, run } of checkers) {
    await report.step(`${name} checks the worker's token by GET /s2s/jwks`, ["auth-server"], async () => {
      assert.equal(await run(servicesJwksUrl, "service:api", serviceToken), "service:worker");
      await assert.rejects(run(servicesJwksUrl, "service:mailer", serviceToken), "it accepts a token for another service");
      await assert.rejects(run(servicesJwksUrl, "service:api", token), "it accepts a user's token");
      return "service:worker; a token for another service and a user's are refused";
    });
  }
  await report.step("worker acts for the user: POST /oauth2/token (RFC 8693), then GET /internal/me", ["worker", actix.process, "auth-server"], async () => {
    const printed = await processes.run("worker", worker, ["call-for", token, `${actix.url}/internal/me`], workerEnv);
    assert.match(printed, /^200 OK .*"askedBy":"worker"/, printed);
    return printed;
  });
  await report.step("the user's own token is not enough there", [actix.process], async () => expectRefused(await call(`${actix.url}/internal/me`, token)));
  for (const api of apis) {
    await report.step(`${api.name} API refuses the worker's token on the user route`, [api.process], async () => expectRefused(await call(`${api.url}/me`, serviceToken)));
  }
  await report.step("the user's token on the service route", [actix.process], async () => expectRefused(await call(reindex, token, "POST")));
}

async function drivePageIfPossible() {
  report.heading("The page itself, in headless Chromium");
  const executablePath = findChromium();
  if (!executablePath) {
    report.note("NOT RUN: no Chromium on this machine (Debian: apt-get install chromium, or set CHROMIUM=). Everything else was.");
    return;
  }
  await drivePage({ url: page, executablePath, step: (what, act) => report.must(what, ["web", "auth-server", actix.process], act) });
}

async function signOut(visitor) {
  report.heading("Sign-out");
  const stolen = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  await report.step("signOut: POST /sign-out, then GET /get-session answers null", ["auth-server", "web"], async () => {
    const { data, error } = await visitor.client.signOut();
    assert.equal(data?.success, true, JSON.stringify(error));
    assert.ok(![...visitor.cookies.keys()].some((name) => name.endsWith("session_token")), "the cookie was not deleted");
    assert.equal((await visitor.client.getSession()).data, null);
  });
  await report.step("the old cookie is worthless: the session is gone from the database", ["auth-server"], async () => {
    const response = await fetch(`${issuer}/api/auth/get-session`, { headers: { cookie: stolen } });
    assert.equal(await response.text(), "null");
  });
}

await drive(processes, report, async () => {
  await startEverything();
  const { visitor, user, token } = await signUp();
  await callApis(user, token);
  await letTokenExpire(visitor, user, token);
  await callServices(token);
  await signOut(visitor);
  await drivePageIfPossible();
});
