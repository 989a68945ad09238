// node service-token.mjs JWKS_URL AUDIENCE TOKEN
// Checks a service's token with jose as it comes, and prints who calls. Ends 1 with the reason when it is refused.
import { createRemoteJWKSet, jwtVerify } from "jose";

export async function verifyServiceToken(keys, audience, token) {
  const { payload, protectedHeader } = await jwtVerify(token, keys, {
    algorithms: ["EdDSA"],
    audience,
    typ: "s2s+jwt",
    clockTolerance: 5,
    maxTokenAge: 60,
    requiredClaims: ["sub", "jti", "exp"],
  });
  // What no library knows: a key speaks for its owner only, one audience, and sixty seconds are the longest life.
  const owner = `service:${protectedHeader.kid.split(".")[0]}`;
  if (payload.sub !== owner || payload.iss !== owner) throw new Error("the key belongs to another service");
  if (typeof payload.aud !== "string") throw new Error("the token has several audiences");
  if (payload.exp - payload.iat > 60) throw new Error("the token lives too long");
  return payload.sub;
}

if (process.argv[1] === import.meta.filename) {
  const [jwksUrl, audience, token] = process.argv.slice(2);
  try {
    // A service that is disabled is refused when its key is gone from the set: jose keeps one for ten minutes of itself.
    const keys = createRemoteJWKSet(new URL(jwksUrl), { cacheMaxAge: 30_000 });
    console.log(await verifyServiceToken(keys, audience, token));
  } catch (error) {
    console.error(error.code ?? error.message);
    process.exitCode = 1;
  }
}
