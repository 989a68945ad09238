// Reads a conformance run (standard input) beside the list of known differences (argument, TOML) and prints what failed.
// Fails when a failing step is not explained, when an explained step passes, and when nothing ran.
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const KEYS = { difference: ["profile", "scenario", "step", "why"], behaviour: ["where", "upstream", "ours", "why"] };

/** The `[[difference]]` tables as objects. Of TOML it reads tables of one-line strings, which is what the file uses. */
function parse(text) {
  const entries = [];
  for (const [at, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    const table = /^\[\[(difference|behaviour)\]\]$/.exec(line);
    const pair = /^(\w+)\s*=\s*("(?:[^"\\]|\\.)*")$/.exec(line);
    if (table) entries.push({ table: table[1] });
    else if (pair && KEYS[entries.at(-1)?.table]?.includes(pair[1])) entries.at(-1)[pair[1]] = JSON.parse(pair[2]);
    else if (line && !line.startsWith("#")) throw new Error(`differences.toml, line ${at + 1}: not understood: ${line}`);
  }
  for (const entry of entries) {
    for (const key of KEYS[entry.table]) if (!entry[key]) throw new Error(`differences.toml: an entry has no ${key}: ${JSON.stringify(entry)}`);
  }
  return entries.filter((entry) => entry.table === "difference");
}

const file = process.argv[2];
const known = existsSync(file) ? parse(readFileSync(file, "utf8")) : [];
const named = (entry, mark) => `[${entry.profile}] ${mark} ${entry.scenario} > ${entry.step}`;
let passed = 0, failed = 0;
const unexplained = [], explained = [], stale = new Set();
for await (const line of createInterface({ input: process.stdin })) {
  if (/^\[[^\]]+\] ok   /.test(line)) {
    passed++;
    known.filter((entry) => line === named(entry, "ok  ")).forEach((entry) => stale.add(entry));
  } else if (/^\[[^\]]+\] FAIL /.test(line)) {
    failed++;
    const entry = known.find((entry) => line.startsWith(`${named(entry, "FAIL")}:`));
    if (entry) explained.push(`${named(entry, "FAIL")}\n  known: ${entry.why}`);
    else unexplained.push(line);
  } else if (!/^\d+ passed, \d+ failed$/.test(line)) console.log(line);
}
for (const line of unexplained) console.log(line);
for (const line of explained) console.log(line);
for (const entry of stale) console.log(`${named(entry, "PASSES")}, but differences.toml says: ${entry.why}`);
console.log(`${explained.length} of ${failed} failures explained, ${stale.size} explanations out of date`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(unexplained.length || stale.size || passed + failed === 0 ? 1 : 0);
