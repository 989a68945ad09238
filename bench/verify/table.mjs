// Prints the measured lines as one table: microseconds, and how many times the bare signature that is.
import { readFileSync } from "node:fs";

const lines = readFileSync(process.argv[2], "utf8").trim().split("\n").map((line) => JSON.parse(line));
const times = lines.filter((line) => line.library);
const algs = [...new Set(times.map((line) => line.alg))];
// The fastest: other work on the machine only ever adds.
const of = (library, alg) => Math.min(...times.filter((line) => line.library === library && line.alg === alg).map((line) => line.nanoseconds));
const RAW = "aws-lc-rs, the signature alone";
const OURS = "auth-verify";

const show = (nanoseconds, raw) => `${(nanoseconds / 1000).toFixed(2)} (${(nanoseconds / raw).toFixed(2)})`;
console.log(`| µs for one token (times the signature alone) | ${algs.join(" | ")} |`);
console.log(`| --- |${" --- |".repeat(algs.length)}`);
for (const library of new Set(times.map((line) => line.library))) {
  console.log(`| ${library} | ${algs.map((alg) => show(of(library, alg), of(RAW, alg))).join(" | ")} |`);
}
for (const { alg, requestsFor10000, allocationsPerHit } of lines.filter((line) => line.requestsFor10000 !== undefined).slice(-algs.length)) {
  console.log(`${alg}: ${requestsFor10000} request for keys for 10,000 tokens, ${allocationsPerHit} allocations for a token that was verified before`);
}
const peers = [...new Set(times.map((line) => line.library))].filter((library) => library !== RAW && !library.startsWith(OURS));
const behind = algs.flatMap((alg) => peers.filter((peer) => of(peer, alg) <= of(OURS, alg)).map((peer) => `${peer} (${alg})`));
const slow = algs.filter((alg) => of(OURS, alg) > 1.15 * of(RAW, alg));
console.log(behind.length ? `Behind: ${behind.join(", ")}` : "Ahead of every library.");
console.log(slow.length ? `Above 1.15 times the signature alone: ${slow.join(", ")}` : "Within 1.15 times the signature alone.");
process.exit(behind.length || slow.length ? 1 : 0);
