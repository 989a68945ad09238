// jose as docs/verify.md configures it, against our server.
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { after, before, describe, test } from "node:test";
import { SignJWT, exportJWK, generateKeyPair } from "jose";
import { databases } from "../support/databases.mjs";
import { data, signUp } from "../support/client.mjs";
import { snippet } from "../support/guide.mjs";
import { startServer } from "../support/server.mjs";

const ISSUER = "https://issuer.example.test";
const AUDIENCE = "https://api.example.test";
const usual = ["EdDSA", "ES256", "RS256"];
// Named by those whose server signs with them, as the guide says.
const onRequest = ["ES512", "PS256"];
// Below node_modules, so that the snippet finds jose.
const FOLDER = fileURLToPath(new URL("../node_modules/.guide/", import.meta.url));

for (const [kind, makeDatabase] of databases()) for (const alg of [...usual, ...onRequest]) {
  describe(`the guide's jose and ${alg} tokens on ${kind}`, () => {
    const file = `${FOLDER}${kind}-${alg}-${process.pid}.mjs`;
    let database, server, verify;
    before(async () => {
      database = await makeDatabase();
      const jwks = { keyPairConfig: ["PS256", "RS256"].includes(alg) ? { alg, modulusLength: 2048 } : { alg } };
      const config = { jwt: { jwt: { issuer: ISSUER, audience: AUDIENCE, expirationTime: "5m" }, jwks } };
      server = await startServer({ database: database.url, config });
      mkdirSync(FOLDER, { recursive: true });
      const code = snippet("jose", { issuer: ISSUER, audience: AUDIENCE, jwks: `${server.base}/jwks` });
      const list = JSON.stringify(usual).replaceAll(",", ", ");
      assert.ok(code.includes(list), code);
      writeFileSync(file, code.replace(list, JSON.stringify(onRequest.includes(alg) ? [alg] : usual)));
      ({ verify } = await import(pathToFileURL(file)));
    });
    after(async () => {
      rmSync(file, { force: true });
      await server?.stop();
      await database?.drop();
    });

    test("accepts the server's token and no other", async () => {
      const { client, user } = await signUp(server);
      const { token } = data(await client.token());
      assert.equal((await verify(token)).sub, user.id);
      const [header, claims, signature] = token.split(".");
      const admin = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(claims, "base64url")), sub: "admin" })).toString("base64url");
      await assert.rejects(verify(`${header}.${admin}.${signature}`), { code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" });
      const none = Buffer.from('{"alg":"none"}').toString("base64url");
      await assert.rejects(verify(`${none}.${claims}.`));
      // A key that the token brings along.
      const { publicKey, privateKey } = await generateKeyPair(alg);
      const forged = new SignJWT(JSON.parse(Buffer.from(claims, "base64url")));
      forged.setProtectedHeader({ alg, jwk: await exportJWK(publicKey), kid: "forged" });
      await assert.rejects(verify(await forged.sign(privateKey)), { code: "ERR_JWKS_NO_MATCHING_KEY" });
    });
  });
}
