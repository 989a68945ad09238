// Splits a corpus of tokens ({"cases":[{"token","jwks" or "jwks_raw"}]}) into seeds: node seeds.mjs CORPUS FOLDER
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const [corpus, folder] = process.argv.slice(2);
const write = (target, content) => {
  mkdirSync(`${folder}/${target}`, { recursive: true });
  writeFileSync(`${folder}/${target}/${createHash("sha256").update(content).digest("hex").slice(0, 16)}`, content);
};
for (const { token, jwks, jwks_raw } of JSON.parse(readFileSync(corpus, "utf8")).cases) {
  write("token", token);
  write("jwks", jwks_raw ?? JSON.stringify(jwks));
  const [header, claims] = token.split(".");
  for (const [target, segment] of [["header", header], ["claims", claims]]) {
    if (segment) write(target, Buffer.from(segment, "base64url"));
  }
}
