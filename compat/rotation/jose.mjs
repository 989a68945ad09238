// Follows the keys with jose's createRemoteJWKSet; see drill.mjs for the commands on standard input.
import { createInterface } from "node:readline";
import { createRemoteJWKSet, jwtVerify } from "jose";

const { ISSUER, AUDIENCE, JWKS_URL, CACHE_SECONDS, LOAD } = process.env;
// jose looks at no Cache-Control, so its age is set to what the server says; its cooldown is 30 s for sets that live 10 minutes.
const keys = createRemoteJWKSet(new URL(JWKS_URL), { cacheMaxAge: CACHE_SECONDS * 1000, cooldownDuration: (CACHE_SECONDS * 1000) / 2 });
const KEPT_MS = 8000;

let verified = 0, failed = 0, reasons = {};
let kept = [];

const accepts = (token) => jwtVerify(token, keys, { issuer: ISSUER, audience: AUDIENCE, algorithms: ["EdDSA"] });

async function verify(token) {
  try {
    await accepts(token);
    verified += 1;
  } catch (error) {
    failed += 1;
    reasons[error.code ?? error.message] = (reasons[error.code ?? error.message] ?? 0) + 1;
  }
}

async function watch(token) {
  kept = [];
  for (;;) {
    try {
      await accepts(token);
    } catch (error) {
      if (error.code === "ERR_JWKS_NO_MATCHING_KEY") break;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  console.log(JSON.stringify({ refused: Date.now() }));
}

setInterval(() => {
  kept = kept.filter(({ at }) => at > Date.now() - KEPT_MS);
  if (kept.length > 0) verify(kept[Math.floor(Math.random() * kept.length)].token);
}, 1000 / LOAD).unref();

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const [word, token] = line.split(" ");
  if (word === "verify") {
    kept.push({ token, at: Date.now() });
    verify(token);
  } else if (word === "watch") {
    watch(token);
  } else if (word === "forget") {
    kept = [];
  } else if (word === "report") {
    console.log(JSON.stringify({ verified, failed, reasons }));
    verified = failed = 0;
    reasons = {};
  }
});
lines.on("close", () => process.exit());
