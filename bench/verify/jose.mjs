// jose on the tokens that `speed` wrote: prints {"library","alg","nanoseconds"} for each.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { createLocalJWKSet, jwtVerify } = await import(createRequire(new URL("../../compat/package.json", import.meta.url)).resolve("jose"));

for (const { alg, token, jwks, issuer, audience } of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  const keys = createLocalJWKSet(JSON.parse(jwks));
  const options = { issuer, audience, algorithms: [alg], requiredClaims: ["sub", "iat", "exp"] };
  let nanoseconds = Infinity;
  const end = process.hrtime.bigint() + 1_000_000_000n;
  while (process.hrtime.bigint() < end) {
    const began = process.hrtime.bigint();
    for (let i = 0; i < 16; i++) await jwtVerify(token, keys, options);
    nanoseconds = Math.min(nanoseconds, Number(process.hrtime.bigint() - began) / 16);
  }
  console.log(JSON.stringify({ library: "jose", alg, nanoseconds }));
}
