// jose on the tokens that `speed` wrote: prints {"library","alg","nanoseconds"} for each.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { createLocalJWKSet, jwtVerify } = await import(createRequire(new URL("../../compat/package.json", import.meta.url)).resolve("jose"));

for (const { alg, token, jwks, issuer, audience } of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  const keys = createLocalJWKSet(JSON.parse(jwks));
  const options = { issuer, audience, algorithms: [alg], requiredClaims: ["sub", "iat", "exp"] };
  const runs = [];
  for (let run = 0; run <= 20; run++) {
    const began = process.hrtime.bigint();
    let calls = 0;
    while (process.hrtime.bigint() - began < 25_000_000n) {
      for (let i = 0; i < 8; i++) await jwtVerify(token, keys, options);
      calls += 8;
    }
    runs.push(Number(process.hrtime.bigint() - began) / calls);
  }
  const nanoseconds = runs.slice(1).sort((a, b) => a - b)[10];
  console.log(JSON.stringify({ library: "jose", alg, nanoseconds }));
}
