// Starts an auth server as its users do: a process, a configuration file, a database URL. It ends with the test.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { settings } from "./settings.mjs";

const repository = fileURLToPath(new URL("../../", import.meta.url));
/** The binary under test; its path may be relative to the repository. */
export const BINARY = join(process.env.AUTH_SERVER_BIN?.startsWith("/") ? "/" : repository, process.env.AUTH_SERVER_BIN ?? "target/debug/auth-server");
/** Better Auth itself, started the same way. */
export const REFERENCE = fileURLToPath(new URL("../reference/auth-server.mjs", import.meta.url));

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 10_000;

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

const running = new Set();
// A test run that is cut short takes its servers with it.
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/**
 * Starts `binary` on a free port and waits until it answers. `config` holds the sections to replace; `origin` in the
 * answer is the server's address, `base` the address of its endpoints. `env` adds to the nothing of its environment.
 */
export async function startServer({ database, config = {}, binary = BINARY, env = {} }) {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const resolved = settings(origin, config);
  const dir = mkdtempSync(join(tmpdir(), "auth-compat-"));
  const file = join(dir, "auth.json");
  writeFileSync(file, JSON.stringify(resolved, null, 2), { mode: 0o600 });

  const child = spawn(binary, ["serve", "--config", file], {
    cwd: dir,
    stdio: ["ignore", "pipe", "pipe"],
    // Nothing of the caller's environment may configure the server under test.
    env: { PATH: process.env.PATH, HOME: dir, PORT: String(port), DATABASE_URL: database, ...env },
  });
  running.add(child);
  let output = "";
  let failure = null;
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  const exited = new Promise((resolve) => {
    child.once("error", (error) => resolve((failure = error.message)));
    child.once("exit", (code, signal) => resolve((failure = `ended with ${signal ?? code}`)));
  }).finally(() => running.delete(child));

  const server = {
    origin,
    base: origin + resolved.basePath,
    basePath: resolved.basePath,
    settings: resolved,
    output: () => output,
    async stop() {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
      await exited;
      clearTimeout(late);
      rmSync(dir, { recursive: true, force: true });
      if (failure === "ended with SIGKILL") throw new Error(`the server did not stop within ${STOP_LIMIT_MS / 1000} s:\n${output}`);
    },
  };

  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    if (failure) {
      await server.stop();
      throw new Error(`${binary} ${failure} at its start:\n${output}`);
    }
    const answer = await fetch(`${server.base}/ok`).catch(() => null);
    if (answer?.ok) return server;
    if (Date.now() > deadline) {
      await server.stop().catch(() => {});
      throw new Error(`${binary} did not answer ${server.base}/ok within ${START_LIMIT_MS / 1000} s:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
