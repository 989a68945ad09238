// Stands in for the package `pg` when a conformance runner is to look into SQLite or MySQL/MariaDB: scripts/conform.sh puts
// it into the runner's own node_modules. It takes the runner's PostgreSQL statements, answers as `pg` would (dates as Date,
// booleans as booleans, lists as lists) and knows the URLs that our server takes: sqlite:DIR/NAME and mysql://HOST/NAME.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";

const INTERVAL = { second: 1e3, minute: 6e4, hour: 36e5, day: 864e5 };

function milliseconds(interval) {
  const parts = [...interval.matchAll(/\s*(-?\d+(?:\.\d+)?)\s*(second|minute|hour|day)s?\s*/gy)];
  if (parts.map(([whole]) => whole).join("") !== interval || !interval) throw new Error(`not an interval: ${interval}`);
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * INTERVAL[unit], 0);
}

/** PostgreSQL's catalogue of columns, as the other databases can tell it. */
const SQLITE_COLUMNS = `(select m.name as table_name, c.name as column_name, lower(c.type) as data_type, 'public' as table_schema
  from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table')`;
const MYSQL_COLUMNS = `(select table_name, column_name, if(data_type = 'int', 'integer', data_type) as data_type, 'public' as table_schema
  from information_schema.columns where table_schema = database()) as columns_here`;

/** A PostgreSQL statement for another database: no casts, times as literals, `?` for each parameter in its order. */
export function translate(sql, params, literal, columns) {
  const values = [];
  const text = sql
    .replace(/information_schema\.columns/g, columns)
    .replace(/now\(\)((?:\s*[+-]\s*(?:interval\s+'[^']*'|\$\d+::interval))*)/gi, (_, steps) => {
      let at = Date.now();
      for (const [, sign, words, place] of steps.matchAll(/([+-])\s*(?:interval\s+'([^']*)'|\$(\d+)::interval)/gi)) {
        at += (sign === "-" ? -1 : 1) * milliseconds(words ?? params[Number(place) - 1]);
      }
      return `'${literal(new Date(at))}'`;
    })
    .replace(/::[a-z0-9]+/gi, "")
    .replace(/(^|[\s,])key(?=[\s,])/g, '$1"key"')
    .replace(/\$(\d+)/g, (_, place) => {
      values.push(params[Number(place) - 1] ?? null);
      return "?";
    });
  return { text, values };
}

const BOOLEANS = new Set(["emailVerified", "active"]);
const LISTS = new Set(["tags"]);

/** A row as `pg` gives it. */
function asPostgres(row) {
  const value = (name, it) => {
    if (it === null) return null;
    if (BOOLEANS.has(name)) return Boolean(Number(it));
    if (LISTS.has(name) && typeof it === "string") return JSON.parse(it);
    if (/At$|^born$/.test(name) && typeof it === "string") return new Date(it);
    return it;
  };
  return Object.fromEntries(Object.entries(row).map(([name, it]) => [name, value(name, it)]));
}

/** SQLite by Python's own module, which is on every machine that runs our tests; a line of JSON each way. */
class Sqlite {
  constructor(file) {
    this.file = file;
    this.last = Promise.resolve();
  }

  start() {
    this.child = spawn("python3", [new URL("sqlite.py", import.meta.url).pathname, this.file], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  run(sql, params) {
    const answer = this.last.then(async () => {
      if (!this.child) this.start();
      const { text, values } = translate(sql, params, (date) => date.toISOString(), SQLITE_COLUMNS);
      this.child.stdin.write(`${JSON.stringify({ sql: text, params: values })}\n`);
      const { value, done } = await this.lines.next();
      if (done) throw new Error("the SQLite reader ended");
      const { rows, error } = JSON.parse(value);
      if (error) throw new Error(`${error}: ${text}`);
      return rows;
    });
    this.last = answer.catch(() => {});
    return answer;
  }

  async end() {
    if (!this.child || this.child.exitCode !== null) return;
    this.child.stdin.end();
    await once(this.child, "exit");
  }
}

class Mysql {
  constructor(url) {
    this.url = url;
  }

  async run(sql, params) {
    if (!this.connection) {
      const mysql = (await import("mysql2/promise")).default;
      this.connection = await mysql.createConnection({ uri: this.url, dateStrings: true, timezone: "Z" });
      await this.connection.query("set session sql_mode = concat(@@sql_mode, ',ANSI'), time_zone = '+00:00'");
    }
    const { text, values } = translate(sql, params, (date) => date.toISOString().replace("T", " ").replace("Z", ""), MYSQL_COLUMNS);
    const [rows] = await this.connection.query(text, values);
    if (!Array.isArray(rows)) return [];
    const zoned = (it) => (typeof it === "string" && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/.test(it) ? `${it.replace(" ", "T")}Z` : it);
    return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, it]) => [name, zoned(it)])));
  }

  async end() {
    await this.connection?.end();
  }
}

/** One connection. The runner makes and drops whole databases through it too. */
class Client {
  constructor({ connectionString }) {
    this.isSqlite = connectionString.startsWith("sqlite:");
    this.place = connectionString.replace(/\/[^/]*$/, "");
    const isAdmin = connectionString.endsWith("/postgres");
    if (this.isSqlite) this.database = new Sqlite(connectionString.slice("sqlite:".length));
    else this.database = new Mysql(isAdmin ? this.place : connectionString);
  }

  async connect() {}

  async query(sql, params = []) {
    const whole = /^\s*(drop|create)\s+database\s+(?:if\s+exists\s+)?(\w+)/i.exec(sql);
    if (whole && this.isSqlite) {
      const file = `${this.place.slice("sqlite:".length)}/${whole[2]}`;
      for (const end of ["", "-wal", "-shm"]) rmSync(file + end, { force: true });
      return { rows: [] };
    }
    const rows = await this.database.run(whole ? sql.replace(/\s+with\s*\(force\)/i, "") : sql, params);
    return { rows: rows.map(asPostgres), rowCount: rows.length };
  }

  end() {
    return this.database.end();
  }
}

export default { Client, Pool: Client };
