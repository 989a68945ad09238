import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

test("the version that is claimed is the one that is tested", () => {
  const pinned = readFileSync(new URL("../PINNED", import.meta.url), "utf8").trim();
  const installed = JSON.parse(readFileSync(new URL("../node_modules/better-auth/package.json", import.meta.url), "utf8"));
  assert.equal(`${installed.name} ${installed.version}`, pinned);
});
