// The demo's processes: started with a clean environment, logged to files, stopped by id.
import { spawn } from "node:child_process";
import { appendFileSync, openSync, closeSync, readFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** `count` ports that were free a moment ago. All are held until the last is known, so none is given twice. */
export async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((resolve, reject) => {
    const server = net.createServer().once("error", reject).listen(0, "127.0.0.1", () => resolve(server));
  })));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export class Processes {
  #dir;
  #running = new Map();

  /** @param {string} dir  working directory of every process; logs and the list of process ids go there */
  constructor(dir) {
    this.#dir = dir;
  }

  // Only what a program needs to run: a DATABASE_URL or JWT_* of the caller's shell must not reach the demo.
  #environment(extra) {
    const kept = ["PATH", "HOME", "TMPDIR", "LANG", "RUST_LOG", "LD_LIBRARY_PATH"];
    return { ...Object.fromEntries(kept.filter((name) => name in process.env).map((name) => [name, process.env[name]])), ...extra };
  }

  #log(name) {
    return join(this.#dir, `${name}.log`);
  }

  start(name, command, args, env) {
    const log = openSync(this.#log(name), "a");
    const child = spawn(command, args, { cwd: this.#dir, env: this.#environment(env), stdio: ["ignore", log, log] });
    closeSync(log);
    const entry = { child, ended: null };
    child.once("error", (error) => { entry.ended = `cannot be started: ${error.message}`; });
    child.once("exit", (code, signal) => { entry.ended ??= `ended with ${signal ?? `exit code ${code}`}`; });
    if (child.pid) appendFileSync(join(this.#dir, "pids"), `${child.pid}\n`);
    this.#running.set(name, entry);
  }

  /** Waits until `url` answers 200, the process ends, or the time is over. */
  async ready(name, url, timeoutMs = 30_000) {
    const begin = Date.now();
    for (;;) {
      const { ended } = this.#running.get(name);
      if (ended) throw new Error(`${name} ${ended}`);
      const response = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
      if (response?.ok) return `${Date.now() - begin} ms, ${url}`;
      if (Date.now() - begin > timeoutMs) throw new Error(`${url} did not answer 200 within ${timeoutMs / 1000} s (last: ${response?.status ?? "no answer"})`);
      await sleep(50);
    }
  }

  /** Runs a command to its end; a failure throws with what it printed. Its output is in the log too. */
  async run(name, command, args, env, timeoutMs = 30_000) {
    const child = spawn(command, args, { cwd: this.#dir, env: this.#environment(env), stdio: ["ignore", "pipe", "pipe"], signal: AbortSignal.timeout(timeoutMs) });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data) => { stdout += data; });
    child.stderr.on("data", (data) => { stderr += data; });
    const code = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exit, signal) => resolve(exit ?? signal));
    });
    appendFileSync(this.#log(name), `$ ${name} ${args[0]}: ${code}\n${stderr}`);
    if (code !== 0) throw new Error(`${name} ${args.join(" ")} ended with ${code}\n${stderr}${stdout}`.trim());
    return stdout.trim();
  }

  /** Asks one process to end and waits for it. */
  async stop(name) {
    const { child } = this.#running.get(name);
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await gone;
  }

  logTail(name, lines = 15) {
    try {
      return readFileSync(this.#log(name), "utf8").trimEnd().split("\n").slice(-lines).join("\n") || "(empty)";
    } catch {
      return "(no log)";
    }
  }

  async stopAll() {
    await Promise.all([...this.#running.values()].map(async ({ child }) => {
      if (!child.pid || child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const stubborn = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await gone;
      clearTimeout(stubborn);
    }));
  }
}
