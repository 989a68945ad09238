// Stands in front of the server under test. A connection whose first line is one of `answers` is answered here; every other
// one is passed on byte by byte, with its half-closes and its resets, and the server alone decides what becomes of it.
import { once } from "node:events";
import net from "node:net";

/** Listens on a free port of the loopback interface. `connectTo(port)` names the server; `answers` maps a first line to a function. */
export async function startSplice(answers) {
  const lines = Object.keys(answers).map((line) => [`${line}\r\n`, answers[line]]);
  let target;
  const sockets = new Set();
  const track = (socket) => sockets.add(socket.once("close", () => sockets.delete(socket)));

  const listener = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const server = net.connect({ port: target, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    [client, server].forEach(track);
    // A reset on one side is a reset on the other.
    client.on("error", () => server.resetAndDestroy());
    server.on("error", () => client.resetAndDestroy());
    server.pipe(client);

    let head = Buffer.alloc(0);
    const passOn = () => {
      client.off("data", look).off("end", passOn);
      server.write(head);
      client.pipe(server);
      if (client.readableEnded) server.end();
    };
    const look = (chunk) => {
      head = Buffer.concat([head, chunk]);
      const text = head.toString("latin1");
      const match = lines.find(([line]) => text.startsWith(line));
      if (match) {
        client.off("data", look).off("end", passOn);
        server.unpipe(client);
        server.destroy();
        answer(client, match[1]);
      } else if (!lines.some(([line]) => line.startsWith(text))) passOn();
    };
    client.on("data", look).once("end", passOn);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    port: listener.address().port,
    connectTo: (port) => (target = port),
    stop() {
      listener.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}

async function answer(client, make) {
  client.resume();
  let status = "200 OK", body;
  try {
    body = JSON.stringify(await make());
  } catch (error) {
    [status, body] = ["500 Internal Server Error", JSON.stringify(String(error))];
  }
  client.end(`HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}
