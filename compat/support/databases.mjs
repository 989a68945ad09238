// A fresh database for each server: a SQLite file, or a database of its own on the server at TEST_POSTGRES_URL or TEST_MYSQL_URL.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mysql2 from "mysql2/promise";
import pg from "pg";

const ADMIN_URL = process.env.TEST_POSTGRES_URL;
const MYSQL_URL = process.env.TEST_MYSQL_URL;

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

/** Makes an empty database on the private MariaDB server. */
export async function mysql() {
  if (!MYSQL_URL) throw new Error("TEST_MYSQL_URL is not set: run this by `make test-compat`, or below scripts/with-mysql.sh");
  const administerMysql = async (statement) => {
    const connection = await mysql2.createConnection(MYSQL_URL);
    await connection.query(statement).finally(() => connection.end());
  };
  const name = `compat_${randomBytes(8).toString("hex")}`;
  await administerMysql(`create database ${name} character set utf8mb4`);
  const url = new URL(MYSQL_URL);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => administerMysql(`drop database ${name}`) };
}

/** Names a SQLite file that does not exist yet. */
export async function sqlite() {
  const dir = mkdtempSync(join(tmpdir(), "auth-compat-db-"));
  return { url: `sqlite:${join(dir, "auth.db")}`, drop: async () => rmSync(dir, { recursive: true, force: true }) };
}

const kinds = { sqlite, postgres, mysql };

/** The kinds to test, as [name, make] pairs: SQLite, and the servers that there are. COMPAT_DATABASES narrows them. */
export function databases() {
  const there = ["sqlite", ...(ADMIN_URL ? ["postgres"] : []), ...(MYSQL_URL ? ["mysql"] : [])];
  const wanted = process.env.COMPAT_DATABASES?.split(",") ?? there;
  return wanted.map((name) => {
    if (!kinds[name]) throw new Error(`COMPAT_DATABASES names "${name}"; known: ${Object.keys(kinds).join(", ")}`);
    return [name, kinds[name]];
  });
}
