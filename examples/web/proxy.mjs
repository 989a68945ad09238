// A reverse proxy for one upstream base URL. Bodies are streamed; status, redirects and every Set-Cookie pass untouched.
import http from "node:http";
import https from "node:https";

// RFC 9110 section 7.6.1: these describe one connection and must not cross a proxy.
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"];

function endToEnd(headers) {
  const named = String(headers.connection ?? "").toLowerCase().split(",").map((name) => name.trim());
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name) && !named.includes(name)));
}

/**
 * @param {string} base  where requests go, for example http://localhost:3000/api/auth
 * @param {{name?: string, dropCookies?: boolean, timeoutMs?: number}} [options]  `name` is how a failure speaks of the upstream:
 *   its address is for the log, not for callers
 * @returns handler `(request, response, path)`; `path` is the rest of the path and the query, starting with "/" or "?"
 */
export function proxyTo(base, { name = "The server behind this one", dropCookies = false, timeoutMs = 15_000 } = {}) {
  const upstream = new URL(base);
  const prefix = upstream.pathname.replace(/\/$/, "");
  const client = upstream.protocol === "https:" ? https : http;

  return (request, response, path) => {
    const headers = endToEnd(request.headers);
    // Replaced, not appended: this server is the outermost hop, so what a caller claims here is not evidence.
    headers["x-forwarded-for"] = request.socket.remoteAddress ?? "";
    headers["x-forwarded-host"] = request.headers.host ?? "";
    headers["x-forwarded-proto"] = "http";
    if (dropCookies) delete headers.cookie;
    const chunked = request.headers["transfer-encoding"] !== undefined;
    if (chunked) headers["transfer-encoding"] = "chunked";
    // A request without a body stays one: left alone, Node's client would announce an empty chunked body.
    else headers["content-length"] ??= "0";
    if (headers["content-length"] === "0" && ["GET", "HEAD"].includes(request.method)) delete headers["content-length"];

    const outgoing = client.request(
      { hostname: upstream.hostname, port: upstream.port, method: request.method, path: prefix + path, headers, timeout: timeoutMs },
      (incoming) => {
        response.writeHead(incoming.statusCode ?? 502, endToEnd(incoming.headers));
        incoming.on("error", () => response.destroy());
        incoming.pipe(response);
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error("timed out")));
    outgoing.on("error", (error) => {
      if (response.headersSent) return response.destroy();
      console.error(`${request.method} ${upstream.origin}${prefix}${path.split("?")[0]}: ${error.code ?? error.message}`);
      response.writeHead(502, { "content-type": "application/json", "cache-control": "no-store" });
      response.end(JSON.stringify({ message: `${name} does not answer. Is it running?`, code: "BAD_GATEWAY" }));
    });
    response.on("close", () => outgoing.destroy());
    request.pipe(outgoing);
  };
}
