// A fresh database for each server: a SQLite file, or a database of its own in the cluster at TEST_POSTGRES_URL.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";

const ADMIN_URL = process.env.TEST_POSTGRES_URL;

async function administer(statement) {
  const client = new pg.Client({ connectionString: ADMIN_URL });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Makes an empty database in the private cluster. */
export async function postgres() {
  if (!ADMIN_URL) throw new Error("TEST_POSTGRES_URL is not set: run this by `make test-compat`, or below scripts/with-pg.sh");
  const name = `compat_${randomBytes(8).toString("hex")}`;
  await administer(`create database ${name}`);
  const url = new URL(ADMIN_URL);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => administer(`drop database ${name} with (force)`) };
}

/** Names a SQLite file that does not exist yet. */
export async function sqlite() {
  const dir = mkdtempSync(join(tmpdir(), "auth-compat-db-"));
  return { url: `sqlite:${join(dir, "auth.db")}`, drop: async () => rmSync(dir, { recursive: true, force: true }) };
}

const kinds = { sqlite, postgres };

/** The kinds to test, as [name, make] pairs: SQLite, and PostgreSQL when there is one. COMPAT_DATABASES narrows them. */
export function databases() {
  const wanted = process.env.COMPAT_DATABASES?.split(",") ?? (ADMIN_URL ? ["sqlite", "postgres"] : ["sqlite"]);
  return wanted.map((name) => {
    if (!kinds[name]) throw new Error(`COMPAT_DATABASES names "${name}"; known: ${Object.keys(kinds).join(", ")}`);
    return [name, kinds[name]];
  });
}
