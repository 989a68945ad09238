// clients/token-source.js on a real page, with the session cookie of our server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { findChromium } from "../../examples/web/browser-check.mjs";
import { sqlite } from "../support/databases.mjs";
import { startServer } from "../support/server.mjs";
import { startSite } from "./site.mjs";

let browser, database, page, server, site;
let asked = 0;

before(async () => {
  const executablePath = findChromium();
  assert.ok(executablePath, "no Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM=/path/to/chromium");
  browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
  site = await startSite(["tokens"], () => server.origin);
  database = await sqlite();
  server = await startServer({ database: database.url, config: { trustedOrigins: [site.origin] } });
  page = await (await browser.newContext()).newPage();
  page.on("request", (request) => { if (new URL(request.url()).pathname === "/api/auth/token") asked += 1; });
  await page.goto(`${site.origin}/tokens`);
  await page.waitForFunction(() => window.page);
});

after(async () => {
  await browser?.close();
  await site?.stop();
  await server?.stop();
  await database?.drop();
});

const fifty = () => page.evaluate(async () => [...new Set(await Promise.all(Array.from({ length: 50 }, () => window.page.tokens.get())))]);

test("a stranger gets no token and asks once", async () => {
  const statuses = await page.evaluate(async () => {
    const all = await Promise.allSettled(Array.from({ length: 50 }, () => window.page.tokens.get()));
    return [...new Set(all.map(({ reason }) => reason.status))];
  });
  assert.deepEqual([statuses, asked], [[401], 1]);
});

test("fifty calls at once after sign-up get one token for one request", async () => {
  const status = await page.evaluate(async () => {
    const body = JSON.stringify({ name: "Ann", email: "ann@example.test", password: "correct horse battery staple" });
    const { status } = await fetch("/api/auth/sign-up/email", { method: "POST", headers: { "content-type": "application/json" }, body });
    window.page.tokens.clear();
    return status;
  });
  assert.equal(status, 200);
  asked = 0;
  assert.equal((await fifty()).length, 1);
  assert.equal(asked, 1);
  assert.equal(await page.evaluate(() => window.page.tokens.claims().email), "ann@example.test");
});

test("fifty calls at expiry ask for one token", async () => {
  asked = 0;
  await page.evaluate(() => { window.page.ahead = 889_000; });
  await fifty();
  assert.equal(asked, 0, "not before the last ten seconds");
  await page.evaluate(() => { window.page.ahead = 895_000; });
  assert.equal((await fifty()).length, 1);
  assert.equal(asked, 1);
});

test("nothing of it is in storage", async () => {
  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.equal(stored, '[{},{},""]');
});
