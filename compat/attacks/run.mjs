// Runs an external corpus of HTTP attacks (run-http.mjs) against our binary, one profile after the other, each with a fresh
// database, a mail server and a way to look at both. Arguments: names of profiles; all without.
//
// The runner asks two helpers of the server under test: `GET /__outbox` (the mails that were sent) and `GET /__users` (the rows
// of the user table without secrets). Our server has neither: the splice in front of it answers them.
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import pg from "pg";
import { postgres } from "../support/databases.mjs";
import { startMailServer } from "../support/mail.mjs";
import { startServer } from "../support/server.mjs";
import { startSplice } from "./splice.mjs";

/** How long the mail server has to be quiet before the outbox is shown: mail leaves after the answer. */
const QUIET_MS = 150;

const LIMITS = { rateLimit: { enabled: true } };
const PROFILES = {
  default: {},
  verify: { emailAndPassword: { enabled: true, requireEmailVerification: true } },
  ratelimit: LIMITS,
  "ratelimit-proxy": { ...LIMITS, advanced: { ipAddress: { trustedProxies: ["127.0.0.1/32", "10.0.0.0/8"] } } },
};

const dir = process.env.ATTACKS_DIR ?? "";
const runner = join(dir, "run-http.mjs");
if (!dir || !existsSync(runner)) {
  console.error("attacks: ATTACKS_DIR has to name a directory with run-http.mjs and http_attacks*.json");
  process.exit(2);
}
const corpora = readdirSync(dir).filter((name) => /^http_attacks.*\.json$/.test(name));
const corpus = join(dir, corpora.includes("http_attacks.json") ? "http_attacks.json" : (corpora[0] ?? "http_attacks.json"));
const options = process.env.ATTACKS_OPTIONS?.split(" ").filter(Boolean) ?? ["--slow"];

/** A mail as the runner knows it: what for, to whom, the link and the token in it. */
function shown({ to, links }) {
  const url = links[0] ?? "";
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const reset = parsed && /\/reset-password\/([^/]+)$/.exec(parsed.pathname);
  const token = reset ? decodeURIComponent(reset[1]) : parsed?.searchParams.get("token");
  const kind = reset ? "reset" : parsed?.pathname.endsWith("/verify-email") ? "verify" : "delete";
  return { kind, to: to.join(", "), url, token };
}

async function run(profile) {
  const database = await postgres();
  const mail = await startMailServer();
  const rows = new pg.Pool({ connectionString: database.url, max: 2 });
  const splice = await startSplice({
    "GET /__outbox HTTP/1.1": async () => (await mail.quiet(QUIET_MS), mail.mails.map(shown)),
    "GET /__users HTTP/1.1": async () => (await rows.query('select * from "user" order by "createdAt"')).rows,
  });
  const config = {
    baseURL: `http://127.0.0.1:${splice.port}`,
    // The corpus holds that bearer tokens are off.
    plugins: ["jwt"],
    trustedOrigins: ["https://app.example.com", "https://*.trusted.example", "myapp://callback"],
    // An account is deleted at once: the corpus has no mail for it.
    user: { changeEmail: { enabled: true }, deleteUser: { enabled: true, sendVerification: false } },
    rateLimit: { enabled: false },
    ...PROFILES[profile],
  };
  const env = { SMTP_URL: mail.url, MAIL_FROM: "Auth <auth@example.test>" };
  const server = await startServer({ database: database.url, config, env });
  splice.connectTo(new URL(server.origin).port);
  let entries = 0, failing = 0;
  try {
    const child = spawn(process.execPath, [runner, corpus, "--profile", profile, ...options], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { PATH: process.env.PATH, PORT: String(splice.port) },
    });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    for await (const line of createInterface({ input: child.stdout })) {
      const sum = /^(\d+) entries, (\d+) failing/.exec(line);
      if (sum) [entries, failing] = [Number(sum[1]), Number(sum[2])];
      else console.log(`[${profile}] ${line}`);
    }
    const code = await ended;
    if (code !== 0) throw new Error(`run-http.mjs ended with ${code} in profile ${profile}`);
  } finally {
    await server.stop();
    splice.stop();
    await mail.stop();
    await rows.end();
    await database.drop();
  }
  // A server that panics on the way answers 500, which the runner sees; its log must not know a secret either.
  if (/panicked at/.test(server.output())) failing++, console.log(`[${profile}] FAIL the server's log holds a panic`);
  console.log(`[${profile}] ${entries - failing} passed, ${failing} failed`);
  return [entries - failing, failing];
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PROFILES);
let passed = 0, failed = 0;
for (const profile of wanted) {
  if (!PROFILES[profile]) throw new Error(`no profile "${profile}"; known: ${Object.keys(PROFILES).join(", ")}`);
  const [good, bad] = await run(profile);
  passed += good;
  failed += bad;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
