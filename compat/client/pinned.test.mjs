import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");

test("the version that is claimed is the one that is tested", () => {
  const pinned = read("../PINNED").trim();
  const installed = JSON.parse(read("../node_modules/better-auth/package.json"));
  assert.equal(`${installed.name} ${installed.version}`, pinned);
  assert.equal(`better-auth ${JSON.parse(read("../browser/package.json")).dependencies["better-auth"]}`, pinned);
});
