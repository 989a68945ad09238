#!/usr/bin/env node
// Better Auth on Node, started like our own server: `auth-server.mjs serve --config FILE.json`, PORT and DATABASE_URL in the
// environment. The suites here run against it too, which shows that they ask for the protocol and not for us; interop,
// adopt and bench use it as the other side.
import cluster from "node:cluster";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { config: { type: "string" } } });
if ((positionals[0] ?? "serve") !== "serve" || !values.config) {
  console.error("usage: auth-server.mjs serve --config FILE.json");
  process.exit(2);
}
const { emailAndPassword, advanced = {}, plugins = [], production, ...settings } = JSON.parse(readFileSync(values.config, "utf8"));
const databaseURL = process.env.DATABASE_URL ?? "";
if (!/^(postgres(ql)?|mysql):/.test(databaseURL)) {
  console.error("the reference runs on servers only: DATABASE_URL has to be postgres://... or mysql://...");
  process.exit(2);
}
// Better Auth reads it when it is imported.
if (production) process.env.NODE_ENV = "production";

// BETTER_AUTH: another version, by its name in package.json.
const better = process.env.BETTER_AUTH ?? "better-auth";
const { betterAuth } = await import(better);
// It moved after 1.4.
const { getMigrations } = await import(`${better}/db/migration`).catch(() => import(`${better}/db`));
const { toNodeHandler } = await import(`${better}/node`);
const { bearer, jwt } = await import(`${better}/plugins`);
const { default: pg } = await import("pg");
const { default: mysql } = await import("mysql2/promise");

// Our own additions, which Better Auth does not know.
const { password: _hashing, ...emailOptions } = emailAndPassword ?? {};
const { upstreamExact: _exact, ipAddress: { source: _source, ...ipAddress } = {}, ...advancedOptions } = advanced;
const { jwt: jwtOptions, bearer: bearerOptions, server: _server, database: _database, ...options } = settings;

const available = { jwt: () => jwt(jwtOptions), bearer: () => bearer(bearerOptions) };
const complete = {
  ...options,
  emailAndPassword: emailOptions,
  advanced: { ...advancedOptions, ipAddress },
  plugins: plugins.map((name) => available[name]()),
  database: databaseURL.startsWith("mysql:")
    ? mysql.createPool({ uri: databaseURL, timezone: "Z" })
    : new pg.Pool({ connectionString: databaseURL, max: 10 }),
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { disabled: !process.env.LOG },
};
// PROCESSES: a cluster, as one would run it on several cores.
const processes = Number(process.env.PROCESSES ?? 1);
if (cluster.isPrimary) {
  const { runMigrations } = await getMigrations(complete);
  await runMigrations();
}
if (cluster.isPrimary && processes > 1) {
  for (let i = 0; i < processes; i++) cluster.fork();
} else {
  serve(betterAuth(complete));
}

function serve(auth) {
  const http = createServer(toNodeHandler(auth));
  http.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => console.log(`better-auth on ${http.address().port}`));
}
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
