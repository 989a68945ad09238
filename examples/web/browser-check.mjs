// Drives the real page in headless Chromium, as a person would. Used by the demo, and alone:
//   node browser-check.mjs http://localhost:3001 [SCREENSHOT_DIRECTORY]
import assert from "node:assert/strict";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

/** Path of an installed Chromium or Chrome (or the variable CHROMIUM), or null. */
export function findChromium(env = process.env) {
  if (env.CHROMIUM) return env.CHROMIUM;
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  for (const folder of (env.PATH ?? "").split(delimiter)) {
    for (const name of names) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch { /* not here */ }
    }
  }
  return null;
}

/** @param {{url: string, executablePath: string, screenshots?: string, step: (what: string, act: () => Promise<string|void>) => Promise<void>}} options */
export async function drivePage({ url, executablePath, screenshots, step }) {
  // Chromium's own sandbox cannot start as root (containers, CI); everyone else keeps it.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  let browser;
  await step("page: Chromium starts", async () => {
    browser = await chromium.launch({ executablePath, args });
    return browser.version();
  });
  try {
    const context = await browser.newContext({ viewport: { width: 1100, height: 860 } });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      // The browser logs every 4xx answer; a wrong password and a missing role are meant to be refused here.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) problems.push(message.text());
    });
    const shot = async (name) => {
      if (!screenshots) return;
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: join(screenshots, `${name}-${colorScheme}.png`), fullPage: true });
      }
    };
    const guard = (state) => page.locator(`#guard[data-state=${state}]`).waitFor();
    const email = `page-${Date.now()}@example.test`;
    const password = "correct horse battery";

    await step("page: loading, then unauthenticated for a stranger", async () => {
      const asked = deferred();
      await page.route("**/api/auth/get-session", async (route) => { await asked.promise; await route.continue(); }, { times: 1 });
      await page.goto(url);
      await page.getByText("Looking for your session").waitFor();
      asked.resolve();
      await guard("unauthenticated");
      await shot("sign-in");
    });
    await step("page: an empty form is refused field by field, focus on the first", async () => {
      await page.getByRole("button", { name: "Create an account" }).click();
      await page.getByRole("button", { name: "Create account" }).click();
      assert.notEqual(await page.locator("#up-name-error").textContent(), "");
      assert.equal(await page.evaluate(() => document.activeElement.id), "up-name");
      await shot("sign-up-errors");
    });
    await step("page: sign-up shows the session", async () => {
      await page.getByLabel("Name").fill("Page Person");
      await page.locator("#up-email").fill(email);
      await page.locator("#up-password").fill(password);
      await page.getByRole("button", { name: "Create account" }).click();
      await guard("authenticated");
      await page.locator("#session").getByText(email).waitFor();
    });
    await step("page: GET /me 200 through the page's own origin", async () => {
      await page.getByRole("button", { name: "GET /me" }).click();
      await page.locator("#answer-status[data-ok=true]").waitFor();
      assert.match(await page.locator("#answer-status").textContent(), /^200/);
      assert.match(await page.locator("#claims").textContent(), /Expires in/);
      await shot("authenticated");
      return (await page.locator("#answer-body").textContent()).replace(/\s+/g, " ");
    });
    await step("page: GET /admin 403 without the role", async () => {
      await page.getByRole("button", { name: "GET /admin" }).click();
      await page.locator("#answer-status[data-ok=false]").waitFor();
      assert.match(await page.locator("#answer-status").textContent(), /^403/);
    });
    await step("page: no token in any storage a script can read, cookie HttpOnly", async () => {
      const readable = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
      assert.ok(!/eyJ|session_token/.test(readable), "a token or the session cookie is readable by scripts");
      const session = (await context.cookies()).find((cookie) => cookie.name.endsWith("session_token"));
      assert.ok(session?.httpOnly, "no HttpOnly session cookie");
    });
    await step("page: a reload keeps the session", async () => {
      await page.reload();
      await guard("authenticated");
    });
    await step("page: sign-out, then a wrong password is told", async () => {
      await page.getByRole("button", { name: "Sign out" }).click();
      await guard("unauthenticated");
      await page.locator("#in-email").fill(email);
      await page.locator("#in-password").fill("not the password");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.locator("#sign-in-error").waitFor();
      await shot("wrong-password");
      return await page.locator("#sign-in-error").textContent();
    });
    await step("page: sign-in with the right one", async () => {
      await page.locator("#in-password").fill(password);
      await page.getByRole("button", { name: "Sign in" }).click();
      await guard("authenticated");
    });
    await step("page: no script error, nothing blocked by the content security policy", async () => {
      assert.deepEqual(problems, []);
    });
  } finally {
    await browser.close();
  }
}

function deferred() {
  let resolve;
  const promise = new Promise((done) => { resolve = done; });
  return { promise, resolve };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [url = "http://localhost:3001", screenshots] = process.argv.slice(2);
  const executablePath = findChromium();
  if (!executablePath) {
    console.error("No Chromium found. Install it (Debian: apt-get install chromium) or set CHROMIUM=/path/to/chromium.");
    process.exit(1);
  }
  await drivePage({
    url,
    executablePath,
    screenshots,
    step: async (what, act) => {
      const detail = await act();
      console.log(`ok  ${what}${detail ? `  ${detail}` : ""}`);
    },
  });
}
