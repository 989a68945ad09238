// useSession on real pages: loading, signed out, signed in; it follows what the page does and what happened meanwhile.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { findChromium } from "../../examples/web/browser-check.mjs";
import { sqlite } from "../support/databases.mjs";
import { startServer } from "../support/server.mjs";
import { startSite } from "./site.mjs";

const PASSWORD = "correct horse battery staple";
const FRAMEWORKS = ["react", "vue", "svelte"];

let browser, database, server, site;

before(async () => {
  const executablePath = findChromium();
  assert.ok(executablePath, "no Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM=/path/to/chromium");
  // Chromium's own sandbox cannot start as root.
  browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
  site = await startSite(FRAMEWORKS, () => server.origin);
  database = await sqlite();
  server = await startServer({ database: database.url, config: { trustedOrigins: [site.origin] } });
});

after(async () => {
  await browser?.close();
  await site?.stop();
  await server?.stop();
  await database?.drop();
});

/** A page of `framework` in a browser of its own; `shows` waits until its guard is in a state. */
async function open(framework) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  const shows = async (state, email = "") => {
    await page.locator(`#guard[data-state=${state}]`).waitFor({ state: "attached" });
    assert.equal(await page.locator("#guard").textContent(), email);
  };
  return { context, page, problems, shows, go: () => page.goto(`${site.origin}/${framework}`) };
}

for (const framework of FRAMEWORKS) {
  describe(`useSession of better-auth/${framework}`, () => {
    const email = `${framework}@example.test`;
    let tab;
    before(async () => { tab = await open(framework); });
    after(async () => { await tab.context.close(); });

    test("is loading until the server has answered, then signed out for a stranger", async () => {
      let answer;
      const asked = new Promise((resolve) => { answer = resolve; });
      await tab.page.route("**/api/auth/get-session", async (route) => { await asked; await route.continue(); }, { times: 1 });
      await tab.go();
      await tab.shows("loading");
      answer();
      await tab.shows("signed-out");
    });

    test("is signed in after sign-up, without a reload", async () => {
      const { error } = await tab.page.evaluate((body) => window.page.client.signUp.email(body), { name: "Ann", email, password: PASSWORD });
      assert.equal(error, null);
      await tab.shows("signed-in", email);
    });

    test("passes from loading to signed in after a reload, never by signed out", async () => {
      await tab.page.reload();
      await tab.shows("signed-in", email);
      assert.deepEqual(await tab.page.evaluate(() => window.page.seen), ["loading", "signed-in"]);
    });

    test("is signed out after sign-out, and the cookie is gone", async () => {
      await tab.page.evaluate(() => window.page.client.signOut());
      await tab.shows("signed-out");
      assert.deepEqual(await tab.context.cookies(), []);
    });

    test("stays signed out after a wrong password, whose error the page gets", async () => {
      const { error } = await tab.page.evaluate((body) => window.page.client.signIn.email(body), { email, password: "not the password" });
      assert.deepEqual([error.status, error.code], [401, "INVALID_EMAIL_OR_PASSWORD"]);
      await tab.shows("signed-out");
    });

    test("is signed in after sign-in, and the session cookie is out of scripts' reach", async () => {
      await tab.page.evaluate((body) => window.page.client.signIn.email(body), { email, password: PASSWORD });
      await tab.shows("signed-in", email);
      const cookie = (await tab.context.cookies()).find(({ name }) => name === "better-auth.session_token");
      assert.deepEqual([cookie?.httpOnly, cookie?.sameSite], [true, "Lax"]);
      assert.equal(await tab.page.evaluate(() => document.cookie), "");
    });

    test("shows a session that was ended elsewhere as signed out after a reload", async () => {
      const elsewhere = await open(framework);
      await elsewhere.go();
      await elsewhere.shows("signed-out");
      await elsewhere.page.evaluate((body) => window.page.client.signIn.email(body), { email, password: PASSWORD });
      await elsewhere.shows("signed-in", email);
      await elsewhere.page.evaluate(() => window.page.client.revokeOtherSessions());
      await elsewhere.context.close();
      await tab.page.reload();
      await tab.shows("signed-out");
    });

    test("raised no error on the page", () => {
      assert.deepEqual(tab.problems, []);
    });
  });
}
