// Prints the measured lines as tables: microseconds, and how many times the signature check alone, in the same process, that is.
import { readFileSync } from "node:fs";

const RAW = "aws-lc-rs, the signature alone";
const OURS = "auth-verify";

const lines = readFileSync(process.argv[2], "utf8").trim().split("\n").map((line) => JSON.parse(line));
const times = lines.filter((line) => line.library);
const algs = [...new Set(times.map((line) => line.alg))];
const libraries = [...new Set(times.map((line) => line.library))];
// The fastest: other work on the machine only ever adds.
const fastest = (found) => Math.min(...found.map((line) => line.nanoseconds));
const of = (library, alg, process) =>
  fastest(times.filter((line) => line.library === library && line.alg === alg && (process === undefined || line.process === process)));

// jose and PyJWT run in processes that do not check signatures with aws-lc-rs: theirs is the fastest of the others.
const processOf = (library) => {
  const has = (name) => times.some((line) => line.process === name && line.library === library);
  return has(library) ? library : has(OURS) ? OURS : undefined;
};
const ratio = (library, alg, process = processOf(library)) => of(library, alg, process) / of(RAW, alg, process);

const table = (title, rows) => {
  console.log(`| ${title} | ${algs.join(" | ")} |\n| --- |${" --- |".repeat(algs.length)}`);
  for (const [name, cell] of rows) console.log(`| ${name} | ${algs.map(cell).join(" | ")} |`);
  console.log();
};
const cell = (library, process) => (alg) => `${(of(library, alg, process) / 1000).toFixed(2)} (${ratio(library, alg, process).toFixed(2)})`;

table("µs for one token (times the signature alone)", libraries.map((library) => [library, cell(library, processOf(library))]));

// Two libraries in one process, in turns: the machine treats both alike.
const peers = libraries.filter((library) => library !== RAW && !library.startsWith(OURS));
const together = peers.filter((peer) => times.some((line) => line.process === peer && line.library === OURS));
for (const peer of together) table(`in one process with ${peer}`, [RAW, OURS, peer].map((library) => [library, cell(library, peer)]));

const processes = [...new Set(times.filter((line) => line.library === RAW).map((line) => line.process))];
const noise = algs.map((alg) => {
  const alone = processes.map((process) => of(RAW, alg, process));
  return `${alg} ${(100 * (Math.max(...alone) / Math.min(...alone) - 1)).toFixed(1)} %`;
});
console.log(`Noise: the signature alone differs between ${processes.length} processes by ${noise.join(", ")}.`);

for (const { alg, requestsFor10000, allocationsPerHit } of lines.filter((line) => line.requestsFor10000 !== undefined).slice(-algs.length)) {
  console.log(`${alg}: ${requestsFor10000} request for keys for 10,000 tokens, ${allocationsPerHit} allocations for a token that was verified before`);
}

const scaling = lines.filter((line) => line.scaling);
console.log("\n| ns of one call: on one core, on each of two (times that) | " + algs.join(" | ") + " |\n| --- |" + " --- |".repeat(algs.length));
for (const work of new Set(scaling.map((line) => line.scaling))) {
  const cells = algs.map((alg) => {
    const found = scaling.filter((line) => line.scaling === work && line.alg === alg);
    const [one, two] = ["one", "two"].map((key) => Math.min(...found.map((line) => line[key])));
    return `${one.toFixed(0)}, ${two.toFixed(0)} (${(two / one).toFixed(2)})`;
  });
  console.log(`| ${work} | ${cells.join(" | ")} |`);
}
console.log();

const behind = algs.flatMap((alg) =>
  peers.filter((peer) => (together.includes(peer) ? of(peer, alg, peer) <= of(OURS, alg, peer) : ratio(peer, alg) <= ratio(OURS, alg))).map((peer) => `${peer} (${alg})`));
const slow = processes.flatMap((process) => algs.filter((alg) => ratio(OURS, alg, process) > 1.15).map((alg) => `${alg} beside ${process}`));
console.log(behind.length ? `Behind: ${behind.join(", ")}` : "Ahead of every library.");
console.log(slow.length ? `Above 1.15 times the signature alone: ${slow.join(", ")}` : "Within 1.15 times the signature alone.");
process.exit(behind.length || slow.length ? 1 : 0);
