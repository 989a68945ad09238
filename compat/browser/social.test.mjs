// Sign-in with a provider on a real page, by the official client: there and back, linking, unlinking, signing out.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { findChromium } from "../../examples/web/browser-check.mjs";
import { sqlite } from "../support/databases.mjs";
import { startServer } from "../support/server.mjs";
import { startProvider } from "./provider.mjs";
import { startSite } from "./site.mjs";

const PASSWORD = "correct horse battery staple";
const ANN = { sub: "ann-1", email: "ann@example.test", email_verified: true, name: "Ann", picture: "https://cdn.example.test/ann.png" };

let browser, database, provider, server, site;
let person = ANN;

before(async () => {
  const executablePath = findChromium();
  assert.ok(executablePath, "no Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM=/path/to/chromium");
  // Chromium's own sandbox cannot start as root.
  browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
  provider = await startProvider(() => person);
  site = await startSite(["react"], () => server.origin);
  database = await sqlite();
  const generic = [{ providerId: "oidc", discoveryUrl: `${provider.issuer}/.well-known/openid-configuration`, clientId: "shop", clientSecret: "secret", scopes: ["openid", "email"] }];
  server = await startServer({ database: database.url, config: { baseURL: site.origin, providers: { generic } } });
});

after(async () => {
  await browser?.close();
  await site?.stop();
  await server?.stop();
  await provider?.stop();
  await database?.drop();
});

/** A page in a browser of its own. */
async function open() {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const shows = async (state, email = "") => {
    await page.locator(`#guard[data-state=${state}]`).waitFor({ state: "attached" });
    assert.equal(await page.locator("#guard").textContent(), email);
  };
  await page.goto(`${site.origin}/react`);
  /** Calls the client on the page; nothing is awaited, because the page may leave. */
  const call = (method, body) => page.evaluate(([method, body]) => { method.split(".").reduce((at, name) => at[name], window.page.client)(body); }, [method, body]);
  const ask = (method, body) => page.evaluate(([method, body]) => window.page.client[method](body), [method, body]);
  return { context, page, shows, call, ask };
}

describe("signIn.social", () => {
  let tab;
  before(async () => { tab = await open(); });
  after(async () => { await tab.context.close(); });

  test("leads back with an error when the person refuses", async () => {
    await tab.shows("signed-out");
    await tab.call("signIn.social", { provider: "oidc", callbackURL: "/react", errorCallbackURL: "/react?failed" });
    await tab.page.locator("#refuse").click();
    await tab.page.waitForURL(`${site.origin}/react?failed&error=access_denied`);
    await tab.shows("signed-out");
  });

  test("signs in when the person agrees, and no cookie of the way stays", async () => {
    await tab.call("signIn.social", { provider: "oidc", callbackURL: "/react" });
    await tab.page.locator("#agree").click();
    await tab.page.waitForURL(`${site.origin}/react`);
    await tab.shows("signed-in", ANN.email);
    assert.deepEqual((await tab.context.cookies()).map(({ name }) => name), ["better-auth.session_token"]);
    const { data } = await tab.ask("listAccounts");
    assert.deepEqual(data.map(({ providerId, accountId }) => [providerId, accountId]), [["oidc", ANN.sub]]);
  });

  test("a way back that is opened twice signs in once", async () => {
    const other = await open();
    const back = [];
    other.page.on("request", (request) => { if (request.url().includes("/callback/oidc")) back.push(request.url()); });
    await other.call("signIn.social", { provider: "oidc", callbackURL: "/react" });
    await other.page.locator("#agree").click();
    await other.shows("signed-in", ANN.email);
    await other.page.goto(back[0]);
    assert.match(other.page.url(), /\/api\/auth\/error\?error=state_mismatch$/);
    await other.context.close();
  });

  test("signOut leads to the provider's own page, and back", async () => {
    await tab.call("signOut", { callbackURL: "/react" });
    await tab.page.locator("#bye").waitFor();
    await tab.page.locator("#back").click();
    await tab.shows("signed-out");
    assert.deepEqual(await tab.context.cookies(), []);
  });
});

describe("linkSocial and unlinkAccount", () => {
  const email = "bea@example.test";
  let tab;
  before(async () => {
    tab = await open();
    await tab.shows("signed-out");
    await tab.page.evaluate((body) => window.page.client.signUp.email(body), { name: "Bea", email, password: PASSWORD });
    await tab.shows("signed-in", email);
  });
  after(async () => { await tab.context.close(); });

  test("an account with another address is not linked", async () => {
    person = ANN;
    await tab.call("linkSocial", { provider: "oidc", callbackURL: "/react", errorCallbackURL: "/react" });
    await tab.page.locator("#agree").click();
    await tab.page.waitForURL(/error=/);
    await tab.shows("signed-in", email);
    assert.equal((await tab.ask("listAccounts")).data.length, 1);
  });

  test("an account with the same, proven address is", async () => {
    person = { sub: "bea-1", email, email_verified: true, name: "Bea" };
    await tab.call("linkSocial", { provider: "oidc", callbackURL: "/react" });
    await tab.page.locator("#agree").click();
    await tab.page.waitForURL(`${site.origin}/react`);
    await tab.shows("signed-in", email);
    const { data } = await tab.ask("listAccounts");
    assert.deepEqual(data.map(({ providerId }) => providerId), ["credential", "oidc"]);
  });

  test("and is taken away again, but not the last way to sign in", async () => {
    const { data } = await tab.ask("listAccounts");
    const [credential, linked] = data;
    assert.equal((await tab.ask("unlinkAccount", { accountId: linked.id })).error, null);
    const { error } = await tab.ask("unlinkAccount", { accountId: credential.id });
    assert.equal(error.code, "FAILED_TO_UNLINK_LAST_ACCOUNT");
    assert.deepEqual((await tab.ask("listAccounts")).data.map(({ providerId }) => providerId), ["credential"]);
  });

  test("signOut stays on the page when no provider is linked", async () => {
    await tab.ask("signOut");
    await tab.shows("signed-out");
  });
});
