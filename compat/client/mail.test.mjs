// Mail as people get it: the binary, a real SMTP server, a parser of mails, the official client.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { data, newEmail, openPage, refused, signUp } from "../support/client.mjs";
import { sqlite } from "../support/databases.mjs";
import { startMailServer } from "../support/mail.mjs";
import { BINARY, startServer } from "../support/server.mjs";

const FROM = "Example <no-reply@auth.example.test>";
const NEW_PASSWORD = "another horse, another battery";

/** Runs `work` with a server that sends its mail to `mail`. */
async function withServer({ mail, config = {} }, work) {
  const database = await sqlite();
  const server = await startServer({ database: database.url, config, env: { SMTP_URL: mail.url, MAIL_FROM: FROM } });
  try {
    await work(server);
  } finally {
    await server.stop();
    await database.drop();
  }
}

const tokenOf = (mail) => /\/reset-password\/([^/?]+)/.exec(mail.links[0])[1];

describe("mail over SMTP", () => {
  let mail;
  before(async () => (mail = await startMailServer()));
  after(() => mail.stop());

  test("brings a forgetful person back in, once", () =>
    withServer({ mail }, async (server) => {
      const { client, email } = await signUp(server, { name: "Žofie 李" });
      data(await client.requestPasswordReset({ email, redirectTo: "/reset" }));
      const letter = await mail.take(email);
      assert.equal(letter.from, '"Example" <no-reply@auth.example.test>');
      assert.equal(letter.subject, "Reset your password");
      assert.equal(letter.headers.get("auto-submitted"), "auto-generated");
      assert.equal(letter.links.length, 1);
      assert.ok(letter.links[0].startsWith(`${server.base}/reset-password/`), letter.links[0]);
      assert.match(letter.text, /Hello Žofie 李,/);
      assert.ok(letter.html.includes(`href="${letter.links[0].replaceAll("&", "&amp;")}"`), letter.html);

      const page = openPage(server);
      data(await page.client.resetPassword({ newPassword: NEW_PASSWORD, token: tokenOf(letter) }));
      data(await page.client.signIn.email({ email, password: NEW_PASSWORD }));
      refused(await page.client.resetPassword({ newPassword: NEW_PASSWORD, token: tokenOf(letter) }), 400, "INVALID_TOKEN");
    }));

  test("tells strangers nothing and sends them nothing", () =>
    withServer({ mail }, async (server) => {
      const { client, email } = await signUp(server);
      const nobody = newEmail();
      assert.deepEqual(await client.requestPasswordReset({ email: nobody }), await client.requestPasswordReset({ email }));
      await mail.take(email);
      await mail.quiet(200);
      assert.ok(!mail.mails.some((letter) => letter.to.includes(nobody)));
    }));

  test("keeps a hostile name out of subject, header and links", () =>
    withServer({ mail }, async (server) => {
      for (const name of ["A\r\nBcc: thief@example.test", "https://evil.example/win", "evil.example", "<a href='https://evil.example'>x</a>"]) {
        const { client, email } = await signUp(server, { name });
        data(await client.requestPasswordReset({ email }));
        const letter = await mail.take(email);
        assert.deepEqual(letter.to, [email]);
        assert.equal(letter.subject, "Reset your password");
        assert.equal(letter.headers.has("bcc"), false);
        assert.equal(letter.links.length, 1, letter.text);
        assert.ok(!letter.html.includes("evil.example") && !letter.text.includes("evil.example"), letter.text);
      }
    }));

  test("uses the texts of the operator", async () => {
    const templates = mkdtempSync(join(tmpdir(), "auth-mail-"));
    mkdirSync(join(templates, "en"));
    writeFileSync(join(templates, "en/reset-password.txt"), "Subject: Nové heslo – {{host}}\n\nDobrý den {{name}}\n\n{{url}}\n");
    try {
      await withServer({ mail, config: { mail: { templates } } }, async (server) => {
        const { client, email, name } = await signUp(server);
        data(await client.requestPasswordReset({ email }));
        const letter = await mail.take(email);
        assert.equal(letter.subject, `Nové heslo – ${new URL(server.origin).host}`);
        assert.ok(letter.text.startsWith(`Dobrý den ${name}\n\nhttp`), letter.text);
        assert.match(letter.html, /Set a new password/);
      });
    } finally {
      rmSync(templates, { recursive: true });
    }
  });

  test("leaves before the server stops, although the mail server was not ready", async () => {
    let ready = false;
    const slow = await startMailServer({
      onRcptTo: (_address, _session, done) => done(ready ? null : Object.assign(new Error("greylisted"), { responseCode: 451 })),
    });
    let email;
    await withServer({ mail: slow }, async (server) => {
      let client;
      ({ client, email } = await signUp(server));
      data(await client.requestPasswordReset({ email }));
      const deadline = Date.now() + 10_000;
      while (!server.output().includes("tried again")) {
        assert.ok(Date.now() < deadline, server.output());
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.ok(!server.output().includes(email), "the log names no address");
      ready = true;
    });
    assert.equal((await slow.take(email, 0)).subject, "Reset your password");
    await slow.stop();
  });
});

describe("mail over TLS", () => {
  const dir = mkdtempSync(join(tmpdir(), "auth-mail-tls-"));
  const file = (name) => join(dir, name);
  let mail;
  const seen = [];

  before(async () => {
    const openssl = (...args) => execFileSync("openssl", args, { stdio: "pipe" });
    const key = (name) => ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file(`${name}.key`)];
    openssl("req", "-x509", ...key("ca"), "-out", file("ca.pem"), "-subj", "/CN=Test CA", "-days", "2");
    openssl("req", ...key("server"), "-out", file("server.csr"), "-subj", "/CN=localhost");
    writeFileSync(file("names"), "subjectAltName=DNS:localhost\n");
    openssl("x509", "-req", "-in", file("server.csr"), "-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial", "-out", file("server.pem"), "-days", "2", "-extfile", file("names"));
    mail = await startMailServer({
      key: readFileSync(file("server.key")),
      cert: readFileSync(file("server.pem")),
      disabledCommands: [],
      authOptional: false,
      onAuth({ username, password }, session, done) {
        seen.push({ username, password, secure: session.secure });
        if (password === "p:w/ü") return done(null, { user: username });
        done(Object.assign(new Error(`no, ${password}`), { responseCode: 535 }));
      },
    });
  });
  after(async () => {
    await mail.stop();
    rmSync(dir, { recursive: true });
  });

  /** `auth-server mail test` with these variables: its exit code and what it said. */
  const mailTest = (address, env) =>
    new Promise((resolve) => {
      const settings = { PATH: process.env.PATH, MAIL_FROM: FROM, ...env };
      execFile(BINARY, ["mail", "test", address], { cwd: dir, env: settings }, (error, _out, said) => resolve({ code: error?.code ?? 0, said }));
    });
  const url = (password) => `smtp+starttls://user:${encodeURIComponent(password)}@localhost:${mail.port}`;

  test("signs in over STARTTLS and hands the mail over", async () => {
    const email = newEmail();
    const { code, said } = await mailTest(email, { SMTP_URL: url("p:w/ü"), SSL_CERT_FILE: file("ca.pem") });
    assert.equal(code, 0, said);
    assert.match((await mail.take(email)).text, /This is a test/);
    assert.deepEqual(seen.at(-1), { username: "user", password: "p:w/ü", secure: true });
  });

  test("shows the mail server's words when it refuses the password", async () => {
    const { code, said } = await mailTest(newEmail(), { SMTP_URL: url("wrong"), SSL_CERT_FILE: file("ca.pem") });
    assert.deepEqual([code, /535/.test(said)], [1, true], said);
  });

  test("shows neither password nor mail to a server whose certificate nobody vouches for", async () => {
    const before = seen.length;
    for (const trusted of [{}, { SSL_CERT_FILE: file("ca.pem"), SMTP_URL: url("p:w/ü").replace("localhost", "127.0.0.1") }]) {
      const email = newEmail();
      const { code, said } = await mailTest(email, { SMTP_URL: url("p:w/ü"), ...trusted });
      assert.equal(code, 1, said);
      assert.ok(!said.includes("p:w"), said);
      assert.ok(!mail.mails.some((letter) => letter.to.includes(email)));
    }
    assert.equal(seen.length, before);
  });
});
