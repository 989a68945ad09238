// The snippets of docs/verify.md, as its readers would copy them.
import { readFileSync } from "node:fs";

/** The block below `<!-- test:NAME -->`, with the guide's addresses replaced by these. */
export function snippet(name, { issuer, audience, jwks }) {
  const guide = readFileSync(new URL("../../docs/verify.md", import.meta.url), "utf8");
  const block = guide.split(`<!-- test:${name} -->`)[1]?.match(/```\w+\n([^]*?)```/)?.[1];
  if (!block) throw new Error(`docs/verify.md has no snippet ${name}`);
  return block
    .replaceAll("https://auth.example.com/api/auth/jwks", jwks)
    .replaceAll("https://auth.example.com", issuer)
    .replaceAll("https://api.example.com", audience);
}
