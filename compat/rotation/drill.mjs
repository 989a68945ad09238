// The rotation drill: three server processes on one PostgreSQL, a new signing key every two seconds, and verifiers in Rust
// (auth-verify), Node (jose) and Python (PyJWT) under load. Then an emergency, and two changes of the secret.
//
//   scripts/with-pg.sh node compat/rotation/drill.mjs [rotation] [emergency] [secrets]      all three without arguments
//
// DRILL_SECONDS (120) is how long keys rotate. AUTH_SERVER_BIN is the server, AUTH_VERIFY_FOLLOWER the example `follower` of
// auth-verify. The exit code is 1 when anything was refused that should not have been, or accepted that should not.
import { spawn, spawnSync } from "node:child_process";
import { createServer } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { decodeProtectedHeader } from "jose";
import { postgres } from "../support/databases.mjs";
import { BINARY, startServer } from "../support/server.mjs";
import { settings } from "../support/settings.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const FOLLOWER = process.env.AUTH_VERIFY_FOLLOWER ?? here("../../target/debug/examples/follower");
const SECONDS = Number(process.env.DRILL_SECONDS ?? 120);
const PUBLIC = "http://auth.example.test";
const PASSWORD = "correct horse battery staple";
const ROTATION_SECONDS = 2;
const MAX_AGE_SECONDS = 10;
const CHECK_SECONDS = 1;
const TOKEN_SECONDS = 15;
/** auth-verify keeps a set for half a minute at least, whatever its issuer says. */
const SHORTEST_CACHE_SECONDS = 30;
/** Verifications of each verifier per second, besides each new token. */
const LOAD = 100;
const TOKENS_PER_SECOND = 10;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const kidOf = (token) => decodeProtectedHeader(token).kid;
const failures = [];
function expect(condition, text) {
  console.log(`  ${condition ? "ok  " : "FAIL"} ${text}`);
  if (!condition) failures.push(text);
}

const config = (more = {}) => ({
  baseURL: PUBLIC,
  rateLimit: { enabled: false },
  server: { workers: 1 },
  // Cheap hashes: keys are what is tried here.
  emailAndPassword: { enabled: true, password: { memoryKiB: 1024, iterations: 1, parallelism: 1 } },
  jwt: {
    jwks: { rotationInterval: ROTATION_SECONDS, maxAge: MAX_AGE_SECONDS, checkInterval: CHECK_SECONDS, gracePeriod: 0 },
    jwt: { expirationTime: TOKEN_SECONDS },
  },
  ...more,
});

async function start(database, count, more) {
  return Promise.all(Array.from({ length: count }, () => startServer({ database, config: config(more) })));
}

async function signUp(server) {
  const answer = await fetch(`${server.base}/sign-up/email`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: PUBLIC },
    body: JSON.stringify({ name: "Ann", email: `ann-${process.hrtime.bigint()}@example.test`, password: PASSWORD }),
  });
  if (!answer.ok) throw new Error(`sign-up: ${answer.status} ${await answer.text()}`);
  return answer.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
}

async function tokenFrom(server, cookie) {
  const answer = await fetch(`${server.base}/token`, { headers: { cookie } });
  if (!answer.ok) throw new Error(`/token: ${answer.status} ${await answer.text()}`);
  return (await answer.json()).token;
}

/**
 * A verifier process behind a door of its own: requests for the key set go to the servers in turn, and are counted. One is
 * for an unknown key when a token was sent before whose key was not in the set that this verifier had.
 */
class Verifier {
  known = new Set();
  missing = new Set();
  fetches = 0;
  forUnknown = new Map();
  #asked = [];
  #turn = 0;

  static async start(name, command, args, servers) {
    const verifier = new Verifier();
    verifier.name = name;
    verifier.door = createServer((request, response) => verifier.#pass(request, response, servers));
    await new Promise((resolve) => verifier.door.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${verifier.door.address().port}/jwks`;
    const given = { ISSUER: PUBLIC, AUDIENCE: PUBLIC, JWKS_URL: url, CACHE_SECONDS: String(MAX_AGE_SECONDS), LOAD: String(LOAD) };
    verifier.child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, ...given } });
    verifier.exited = new Promise((resolve) => verifier.child.once("exit", resolve));
    createInterface({ input: verifier.child.stdout }).on("line", (line) => verifier.#asked.shift()?.(JSON.parse(line)));
    return verifier;
  }

  async #pass(request, response, servers) {
    const server = servers[this.#turn++ % servers.length];
    const missing = [...this.missing];
    this.fetches += 1;
    try {
      const headers = request.headers["if-none-match"] ? { "if-none-match": request.headers["if-none-match"] } : {};
      const answer = await fetch(`${server.base}/jwks`, { headers });
      const body = await answer.text();
      if (this.known.size > 0) for (const kid of missing) this.forUnknown.set(kid, (this.forUnknown.get(kid) ?? 0) + 1);
      if (answer.status === 200) this.known = new Set(JSON.parse(body).keys.map((key) => key.kid));
      for (const kid of this.known) this.missing.delete(kid);
      const kept = ["cache-control", "etag", "content-type"].filter((name) => answer.headers.has(name));
      response.writeHead(answer.status, Object.fromEntries(kept.map((name) => [name, answer.headers.get(name)])));
      response.end(body);
    } catch {
      response.writeHead(502).end();
    }
  }

  tell(word, token = "") {
    if (word === "verify" && this.known.size > 0 && !this.known.has(kidOf(token))) this.missing.add(kidOf(token));
    this.child.stdin.write(`${word} ${token}\n`);
  }

  /** Commands with an answer: `report`, and `watch TOKEN`, which answers when the token is refused. */
  ask(word, token) {
    const answer = new Promise((resolve) => this.#asked.push(resolve));
    this.tell(word, token);
    return answer;
  }

  async stop() {
    this.child.stdin.end();
    await Promise.race([this.exited, sleep(5000).then(() => this.child.kill("SIGKILL"))]);
    this.door.closeAllConnections();
    this.door.close();
  }
}

const verifiers = (servers) =>
  Promise.all([
    Verifier.start("auth-verify", FOLLOWER, [], servers),
    Verifier.start("jose", process.execPath, [here("jose.mjs")], servers),
    Verifier.start("PyJWT", here("../python/.venv/bin/python"), [here("pyjwt.py")], servers),
  ]);

async function rotation(database) {
  console.log(`rotation: a new key every ${ROTATION_SECONDS} s for ${SECONDS} s, 3 servers, 3 verifiers, ${LOAD} verifications/s each`);
  const servers = await start(database, 3);
  const cookie = await signUp(servers[0]);
  const followers = await verifiers(servers);
  // The first key signs alone until those that follow it have been public for long enough.
  const first = kidOf(await tokenFrom(servers[0], cookie));
  while (kidOf(await tokenFrom(servers[0], cookie)) === first) await sleep(200);
  const kids = new Set();
  const end = Date.now() + SECONDS * 1000;
  for (let turn = 0; Date.now() < end; turn += 1) {
    const next = Date.now() + 1000 / TOKENS_PER_SECOND;
    const token = await tokenFrom(servers[turn % servers.length], cookie);
    kids.add(kidOf(token));
    for (const follower of followers) follower.tell("verify", token);
    await sleep(Math.max(0, next - Date.now()));
  }
  const rotations = kids.size - 1;
  // Servers look once a second, so a key may be published, and sign, up to a second late.
  expect(rotations >= Math.floor(SECONDS / (ROTATION_SECONDS + CHECK_SECONDS)), `${rotations} rotations`);
  for (const follower of followers) {
    const { verified, failed, reasons } = await follower.ask("report");
    const counts = [...follower.forUnknown.values()];
    const unknown = counts.reduce((sum, count) => sum + count, 0);
    expect(failed === 0 && verified > SECONDS * LOAD / 4, `${follower.name}: ${verified} verified, ${failed} failed ${JSON.stringify(reasons)}`);
    expect(Math.max(0, ...counts) <= 1, `${follower.name}: ${follower.fetches} fetches, ${unknown} of them for unknown keys, at most one a rotation`);
  }
  await Promise.all(followers.map((follower) => follower.stop()));
  await Promise.all(servers.map((server) => server.stop()));
}

/** Runs the server's command line with the servers' configuration. */
function command(database, args) {
  const dir = mkdtempSync(join(tmpdir(), "auth-drill-"));
  const file = join(dir, "auth.json");
  writeFileSync(file, JSON.stringify(settings(PUBLIC, config(LONG))), { mode: 0o600 });
  const done = spawnSync(BINARY, [...args, "--config", file], { cwd: dir, env: { PATH: process.env.PATH, DATABASE_URL: database } });
  rmSync(dir, { recursive: true, force: true });
  if (done.status !== 0) throw new Error(`${args.join(" ")}: ${done.stderr}`);
  return String(done.stdout);
}

/** Tokens that live longer than any cache, and no rotation but the one by hand. */
const LONG = {
  jwt: {
    jwks: { rotationInterval: 0, maxAge: MAX_AGE_SECONDS, checkInterval: CHECK_SECONDS },
    jwt: { expirationTime: 600 },
  },
};

async function emergency(database) {
  const delay = CHECK_SECONDS + Math.max(MAX_AGE_SECONDS, SHORTEST_CACHE_SECONDS);
  console.log(`emergency: every key is replaced; refused by caches within ${CHECK_SECONDS + MAX_AGE_SECONDS} s, by auth-verify within ${delay} s`);
  const servers = await start(database, 3, LONG);
  const cookie = await signUp(servers[0]);
  const followers = await verifiers(servers);
  const old = await tokenFrom(servers[1], cookie);
  for (const follower of followers) follower.tell("verify", old);
  await sleep(3000);
  const reports = await Promise.all(followers.map((follower) => follower.ask("report")));
  expect(reports.every((report) => report.failed === 0 && report.verified > 0), "the old key's token is accepted before");

  const refused = followers.map((follower) => follower.ask("watch", old));
  command(database, ["keys", "rotate", "--emergency"]);
  const began = Date.now();
  const stillSigned = async (server) => {
    while (kidOf(await tokenFrom(server, cookie)) === kidOf(old)) await sleep(50);
    const set = await (await fetch(`${server.base}/jwks`)).json();
    return { after: Date.now() - began, published: set.keys.some((key) => key.kid === kidOf(old)) };
  };
  for (const { after, published } of await Promise.all(servers.map(stillSigned))) {
    expect(after <= CHECK_SECONDS * 1000 + 500 && !published, `a server signs with the fresh key after ${after} ms, and the old one is not published`);
  }
  const results = await Promise.all(refused.map((answer) => Promise.race([answer, sleep((delay + 5) * 1000).then(() => null)])));
  for (const [index, follower] of followers.entries()) {
    const after = results[index] ? results[index].refused - began : Infinity;
    const limit = (follower.name === "auth-verify" ? delay : CHECK_SECONDS + MAX_AGE_SECONDS) * 1000 + 500;
    expect(after <= limit, `${follower.name} refuses the old key after ${after} ms`);
  }
  const fresh = await tokenFrom(servers[2], cookie);
  const again = await Promise.all(followers.map((follower) => (follower.tell("forget"), follower.tell("verify", fresh), sleep(1000).then(() => follower.ask("report")))));
  expect(again.every((report) => report.failed === 0 && report.verified > 0), "the fresh key's tokens are accepted");
  await Promise.all(followers.map((follower) => follower.stop()));
  await Promise.all(servers.map((server) => server.stop()));
}

async function secrets(database) {
  console.log("secrets: replaced twice, each time in two rounds of restarts, three servers one by one, under load");
  const [one, two, three] = [1, 2, 3].map((version) => ({ version, value: `drill-Secret-number-${version}-0123456789-abcdefgh` }));
  const rounds = [[one], [one, two], [two, one], [two, one, three], [three, two, one]].map((list) => ({ secrets: list, secret: undefined }));
  let servers = await start(database, 3, { ...LONG, ...rounds[0] });
  const sessions = [];
  for (let index = 0; index < 30; index += 1) sessions.push(await signUp(servers[index % 3]));
  const first = kidOf(await tokenFrom(servers[0], sessions[0]));

  let asked = 0, lost = 0, errors = 0, running = true;
  /** What a proxy does: whoever does not answer the door is not asked. */
  const ask = async (cookie) => {
    for (let turn = asked; ; turn += 1) {
      const server = servers[turn % servers.length];
      try {
        const answer = await fetch(`${server.base}/get-session`, { headers: { cookie, connection: "close" } });
        return { status: answer.status, body: await answer.json(), token: answer.headers.get("set-auth-jwt") };
      } catch (error) {
        if (turn - asked > 50) throw error;
        await sleep(20);
      }
    }
  };
  const load = Array.from({ length: 8 }, async (_, worker) => {
    for (let turn = worker; running; turn += 8) {
      const answer = await ask(sessions[turn % sessions.length]);
      asked += 1;
      if (answer.status !== 200) errors += 1;
      else if (!answer.body?.session) lost += 1;
      else if (!answer.token) errors += 1;
      await sleep(5);
    }
  });
  const people = async () => {
    while (running) {
      sessions.push(await signUp(servers[sessions.length % servers.length]).catch(() => sessions[0]));
      await sleep(100);
    }
  };
  const newcomers = people();
  for (const round of rounds.slice(1)) {
    for (let index = 0; index < 3; index += 1) {
      const leaving = servers[index];
      const next = await startServer({ database, config: config({ ...LONG, ...round }) });
      servers = servers.map((server) => (server === leaving ? next : server));
      await leaving.stop();
      await sleep(300);
    }
  }
  running = false;
  await Promise.all([...load, newcomers]);
  expect(lost === 0 && errors === 0 && asked > 500, `${asked} requests for ${sessions.length} sessions: ${lost} lost, ${errors} errors`);
  for (const server of servers) {
    const token = await tokenFrom(server, sessions.at(-1));
    expect(kidOf(token) === first, "the signing key is still the first one");
  }
  await Promise.all(servers.map((server) => server.stop()));
  const newest = await startServer({ database, config: config({ ...LONG, secrets: [three], secret: undefined }) });
  expect(kidOf(await tokenFrom(newest, sessions.at(-1))) === first, "the newest secret alone opens the key: it was encrypted anew");
  await newest.stop();
}

const parts = { rotation, emergency, secrets };
const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts);
for (const name of chosen) {
  if (!parts[name]) throw new Error(`unknown part ${name}`);
  const database = await postgres();
  try {
    await parts[name](database.url);
  } finally {
    await database.drop();
  }
}
if (failures.length > 0) {
  console.error(`${failures.length} expectations failed`);
  process.exitCode = 1;
}
