// A mail server that keeps what it gets: each mail parsed, with the links of its plain part.
import { once } from "node:events";
import { simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";

const LINK = /https?:\/\/\S+/g;

/** Starts a mail server on a free port. `mails` holds what came, oldest first: to, subject, text, html, links. */
export async function startMailServer(options = {}) {
  const mails = [];
  let open = 0;
  let last = 0;
  const changed = new Set();
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    logger: false,
    onConnect: (_session, done) => (open++, done()),
    onClose: () => void open--,
    onData(stream, session, done) {
      simpleParser(stream).then((mail) => {
        const text = mail.text ?? "";
        const to = session.envelope.rcptTo.map(({ address }) => address);
        mails.push({ to, from: mail.from?.text, subject: mail.subject, headers: mail.headers, text, html: mail.html || "", links: text.match(LINK) ?? [] });
        last = Date.now();
        changed.forEach((look) => look());
        done();
      }, done);
    },
    ...options,
  });
  // A peer that breaks off is part of the tests.
  server.on("error", () => {});
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  const { port } = server.server.address();
  return {
    port,
    url: `smtp://127.0.0.1:${port}`,
    mails,
    /** The first mail to `address` that nobody has taken yet; waits for it. */
    async take(address, limitMs = 10_000) {
      const deadline = Date.now() + limitMs;
      for (;;) {
        const at = mails.findIndex((mail) => mail.to.includes(address));
        if (at >= 0) return mails.splice(at, 1)[0];
        const left = deadline - Date.now();
        if (left <= 0) throw new Error(`no mail to ${address} within ${limitMs} ms`);
        await new Promise((resolve) => {
          const look = () => (clearTimeout(timer), changed.delete(look), resolve());
          const timer = setTimeout(look, left);
          changed.add(look);
        });
      }
    },
    /** Waits until no mail has come, and none was coming, for `quietMs`. */
    async quiet(quietMs) {
      const since = Date.now();
      while (open > 0 || Date.now() - Math.max(since, last) < quietMs) await new Promise((resolve) => setTimeout(resolve, 10));
    },
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
