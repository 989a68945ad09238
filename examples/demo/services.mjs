// node services.mjs WORK_DIRECTORY BINARY_DIRECTORY   (services.sh builds and calls this)
// Three services that call each other, through an outage of the auth server, a change of keys and a disabled service.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { drive } from "./drive.mjs";
import { Processes, freePorts } from "./processes.mjs";
import { Report } from "./report.mjs";

const OUTAGE_S = Number(process.env.DEMO_OUTAGE_S ?? 60);
// From the end of the command: the servers look for what it has written every 250 ms.
const DISABLE_LIMIT_S = Number(process.env.DEMO_DISABLE_LIMIT_S ?? 1);

const [dir, binaries] = process.argv.slice(2);
const processes = new Processes(dir);
const report = new Report((name) => processes.logTail(name));
const binary = (name) => {
  const path = join(binaries, name);
  assert.ok(existsSync(path), `${path} is missing`);
  return path;
};

const NAMES = ["orders", "billing", "mailer"];
const [authPort, ...ports] = await freePorts(1 + NAMES.length);
const auth = `http://127.0.0.1:${authPort}`;
const url = Object.fromEntries(NAMES.map((name, index) => [name, `http://127.0.0.1:${ports[index]}`]));
const others = (name) => NAMES.filter((other) => other !== name);
const environment = {
  NODE_ENV: "development",
  PORT: String(authPort),
  DATABASE_URL: `sqlite:${join(dir, "auth.db")}`,
  BETTER_AUTH_URL: auth,
  BETTER_AUTH_SECRET: randomBytes(32).toString("base64"),
  REVOCATION_FEED: "clients",
};

const startAuth = async () => {
  processes.start("auth-server", binary("auth-server"), [], environment);
  return processes.ready("auth-server", `${auth}/api/auth/ok`);
};
const service = (...args) => processes.run("auth-server-cli", binary("auth-server"), ["service", ...args], environment);
const stats = async (name) => (await fetch(`${url[name]}/stats`, { signal: AbortSignal.timeout(5_000) })).json();

/** Every pair's counts: { "orders>billing": { accepted, failed, last } }. */
async function all() {
  const counts = {};
  for (const name of NAMES) {
    const { calls } = await stats(name);
    for (const peer of others(name)) counts[`${name}>${peer}`] = calls[peer] ?? { accepted: 0, failed: 0, last: "" };
  }
  return counts;
}

/** How many calls were made since `before`, of which none may have failed, and each pair has to have made some. */
async function since(before) {
  const after = await all();
  let accepted = 0;
  for (const [pair, count] of Object.entries(after)) {
    assert.equal(count.failed - before[pair].failed, 0, `${pair} failed: ${count.last}`);
    assert.ok(count.accepted > before[pair].accepted, `${pair} made no call`);
    accepted += count.accepted - before[pair].accepted;
  }
  return `${accepted} calls, 0 failed`;
}

async function demo() {
  report.heading("Start");
  await report.must("auth server on a fresh SQLite database", ["auth-server"], startAuth);
  for (const name of NAMES) {
    await report.must(`${name} enrols with a one-time code`, ["auth-server", name], async () => {
      const code = (await service("add", name, "--enrol")).split("\n").find((line) => /^[A-Za-z0-9]{32}$/.test(line.trim())).trim();
      processes.start(name, binary("example-service"), [], {
        SERVICE_NAME: name,
        PORT: new URL(url[name]).port,
        AUTH_URL: `${auth}/api/auth`,
        ENROLMENT_CODE: code,
        PEERS: others(name).map((peer) => `${peer}=${url[peer]}`).join(","),
      });
      return processes.ready(name, `${url[name]}/health`);
    });
  }
  await report.must("one key set for all of them: GET /api/auth/s2s/jwks", ["auth-server"], async () => {
    const { keys } = await (await fetch(`${auth}/api/auth/s2s/jwks`)).json();
    assert.deepEqual(keys.map((key) => key.svc).sort(), NAMES.map((name) => `service:${name}`).sort());
    return keys.map((key) => key.kid.slice(0, 16)).join("... ");
  });
  // A receiver that met a new caller asks for keys once and then waits ten seconds, so that nobody makes it ask for ever.
  report.note("letting the receivers meet each other: 12 s");
  await sleep(12_000);
  let before = await all();
  await sleep(3_000);
  await report.must("every service calls the two others", NAMES, () => since(before));

  report.heading(`Outage: the auth server is stopped for ${OUTAGE_S} s`);
  before = await all();
  await report.must("auth server stops", ["auth-server"], () => processes.stop("auth-server"));
  await sleep(OUTAGE_S * 1000);
  await report.must("all calls went on", NAMES, () => since(before));
  await report.must("auth server is back", ["auth-server"], startAuth);

  report.heading("A key is replaced under load");
  before = await all();
  const { kid } = await stats("orders");
  await report.must("orders registers a new key and goes on signing with the old one", ["orders", "auth-server"], async () => {
    const response = await fetch(`${url.orders}/rotate`, { method: "POST" });
    const body = await response.text();
    assert.equal(response.status, 202, body);
    return body;
  });
  await report.must("orders signs with the new key", ["orders"], async () => {
    const begin = Date.now();
    while ((await stats("orders")).kid === kid) {
      assert.ok(Date.now() - begin < 60_000, "it still signs with the old one");
      await sleep(500);
    }
    await sleep(5_000);
    return `after ${Math.round((Date.now() - begin) / 1000 - 5)} s`;
  });
  await report.must("no call failed meanwhile", NAMES, () => since(before));

  report.heading("A service is disabled");
  before = await all();
  let begin = 0;
  await report.must("auth-server service disable billing", ["auth-server-cli"], async () => {
    await service("disable", "billing");
    begin = Date.now();
  });
  await report.must(`billing is refused by both others within ${DISABLE_LIMIT_S} s`, NAMES, async () => {
    const refusedAt = {};
    while (Object.keys(refusedAt).length < 2) {
      const { calls } = await stats("billing");
      for (const peer of others("billing")) if (calls[peer].last === "401") refusedAt[peer] ??= (Date.now() - begin) / 1000;
      assert.ok(Date.now() - begin < 31_000, `after 31 s it is still let in: ${JSON.stringify(calls)}`);
      await sleep(10);
    }
    const shown = Object.entries(refusedAt).map(([peer, seconds]) => `${peer} after ${seconds.toFixed(2)} s`).join(", ");
    assert.ok(Math.max(...Object.values(refusedAt)) <= DISABLE_LIMIT_S, shown);
    return shown;
  });
  await report.must("the published key set is without its key, so that receivers which do not read the list follow", ["auth-server"], async () => {
    for (;;) {
      const { keys } = await (await fetch(`${auth}/api/auth/s2s/jwks`)).json();
      const after = (Date.now() - begin) / 1000;
      if (!keys.some((key) => key.svc === "service:billing")) return `after ${after.toFixed(2)} s`;
      assert.ok(after < 3, `still there after ${after.toFixed(2)} s`);
      await sleep(50);
    }
  });
  await report.step("the others go on", NAMES, async () => {
    const after = await all();
    for (const pair of ["orders>mailer", "mailer>orders"]) {
      assert.equal(after[pair].failed, before[pair].failed, pair);
      assert.ok(after[pair].accepted > before[pair].accepted, pair);
    }
  });
}

await drive(processes, report, demo);
