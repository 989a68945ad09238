// Starts both servers and drives them in turn with wrk: bench/run.sh prepares what this needs.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { postgres } from "../compat/support/databases.mjs";
import { PASSWORD, signUp } from "../compat/support/client.mjs";
import { BINARY, REFERENCE, startServer } from "../compat/support/server.mjs";

const run = promisify(execFile);
const seconds = Number(process.env.SECONDS_EACH ?? 5);
const rounds = Number(process.env.ROUNDS ?? 3);
const connections = Number(process.env.CONNECTIONS ?? 32);
const peerProcesses = Number(process.env.PEER_PROCESSES ?? 1);
// As many sign-ins at a time as one person's neighbours would cause; more would measure the queue.
const SIGN_INS = 4;

const read = (path) => ({ person, server }) => ({ url: server.base + path, headers: { cookie: person.browser.cookieHeader() } });
const signIn = ({ person, server }) => ({
  url: `${server.base}/sign-in/email`,
  headers: { "content-type": "application/json", origin: server.origin },
  body: JSON.stringify({ email: person.email, password: PASSWORD }),
  connections: SIGN_INS,
});
const cases = {
  "get-session": { request: read("/get-session") },
  token: { request: read("/token") },
  jwks: { request: read("/jwks") },
  "sign-in": { request: signIn },
  "sign-in-scrypt": { request: signIn, ours: "scrypt" },
};

const dir = mkdtempSync(join(tmpdir(), "auth-bench-"));

/** One run of wrk: requests per second, latencies in ms, and how many requests failed. */
async function measure({ url, headers, body, connections: wanted = connections }) {
  const script = join(dir, "case.lua");
  const lua = Object.entries(headers).map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`);
  if (body) lua.push('wrk.method = "POST"', `wrk.body = ${JSON.stringify(body)}`);
  lua.push(
    "done = function(summary, latency)",
    "  local e = summary.errors",
    '  print(string.format("RESULT %d %d %f %f %d", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),',
    "    e.status + e.connect + e.read + e.write + e.timeout))",
    "end",
  );
  writeFileSync(script, lua.join("\n"));
  const { stdout } = await run("wrk", ["-t1", `-c${wanted}`, `-d${seconds}s`, "--timeout", "10s", "-s", script, url]);
  const [requests, microseconds, p50, p99, failed] = /^RESULT (.*)$/m.exec(stdout)[1].split(" ").map(Number);
  return { rate: requests / (microseconds / 1e6), p50: p50 / 1000, p99: p99 / 1000, failed };
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const column = (text, width) => String(text).padStart(width);

async function contestant(name, options) {
  const database = await postgres();
  const server = await startServer({ database: database.url, ...options });
  return { name, server, database, person: await signUp(server) };
}

const wanted = process.argv.slice(2).length ? process.argv.slice(2) : Object.keys(cases);
for (const name of wanted) if (!cases[name]) throw new Error(`no case "${name}"; there are: ${Object.keys(cases).join(", ")}`);

const scrypt = { emailAndPassword: { enabled: true, password: { algorithm: "scrypt" } } };
const contestants = [];
let failures = 0;
try {
  contestants.push(await contestant("ours", { binary: BINARY }));
  contestants.push(await contestant("ours, scrypt", { binary: BINARY, config: scrypt }));
  contestants.push(await contestant("Better Auth", { binary: REFERENCE, env: { NODE_ENV: "production", PROCESSES: String(peerProcesses) } }));
  const [argon, withScrypt, peer] = contestants;

  console.log(`${availableParallelism()} cores shared with wrk and PostgreSQL; ${rounds} rounds of ${seconds} s, ${connections} connections (sign-in ${SIGN_INS}); Better Auth: ${peerProcesses} process(es)`);
  console.log(`${"case".padEnd(16)}${"server".padEnd(14)}${column("req/s", 9)}${column("p50 ms", 9)}${column("p99 ms", 9)}${column("failed", 8)}${column("ratio", 8)}`);
  for (const name of wanted) {
    const pair = [cases[name].ours === "scrypt" ? withScrypt : argon, peer];
    const results = new Map(pair.map((one) => [one, []]));
    for (let round = 0; round < rounds; round++) {
      for (const one of pair) results.get(one).push(await measure(cases[name].request(one)));
    }
    const rates = pair.map((one) => median(results.get(one).map((result) => result.rate)));
    pair.forEach((one, at) => {
      const of = (key) => median(results.get(one).map((result) => result[key]));
      const failed = results.get(one).reduce((sum, result) => sum + result.failed, 0);
      if (failed || rates[at] === 0) failures++;
      console.log(`${name.padEnd(16)}${one.name.padEnd(14)}${column(rates[at].toFixed(0), 9)}${column(of("p50").toFixed(2), 9)}${column(of("p99").toFixed(2), 9)}`
        + `${column(failed, 8)}${column(at === 0 && rates[1] ? `x${(rates[0] / rates[1]).toFixed(1)}` : "", 8)}${failed ? "  <- not 2xx, or broken off" : rates[at] ? "" : "  <- no answer in time"}`);
    });
  }
} finally {
  for (const { server, database } of contestants) {
    await server.stop();
    await database.drop();
  }
  rmSync(dir, { recursive: true, force: true });
}
process.exitCode = failures ? 1 : 0;
