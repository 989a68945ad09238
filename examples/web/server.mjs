// One origin for the browser: the page, the auth server under /api/auth and the example API under /api/example.
// Same-origin cookies need no CORS and stay SameSite=Lax.
import { readFileSync } from "node:fs";
import http from "node:http";
import { proxyTo } from "./proxy.mjs";

const port = Number(process.env.PORT ?? 3001);
const host = process.env.HOST ?? "127.0.0.1";
const authUrl = process.env.AUTH_URL ?? "http://127.0.0.1:3000/api/auth";
const apiUrl = process.env.API_URL ?? "http://127.0.0.1:4000";

const proxies = [
  ["/api/auth", proxyTo(authUrl, { name: "The auth server" })],
  // The API authenticates by bearer token: it has no business with the session cookie.
  ["/api/example", proxyTo(apiUrl, { name: "The API", dropCookies: true })],
];

const file = (name, type) => [readFileSync(new URL(`dist/${name}`, import.meta.url)), type];
let files;
try {
  files = new Map([
    ["/", file("index.html", "text/html; charset=utf-8")],
    ["/app.css", file("app.css", "text/css; charset=utf-8")],
    ["/app.js", file("app.js", "text/javascript; charset=utf-8")],
    ["/app.js.map", file("app.js.map", "application/json")],
    ["/icon.svg", file("icon.svg", "image/svg+xml")],
  ]);
} catch (error) {
  console.error(`${error.message}\nBuild the page first: npm run build (npm start does both).`);
  process.exit(1);
}

const PAGE_HEADERS = {
  "cache-control": "no-cache",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "referrer-policy": "strict-origin-when-cross-origin",
  "x-content-type-options": "nosniff",
};

const server = http.createServer((request, response) => {
  const url = request.url ?? "/";
  const path = url.split("?", 1)[0];
  for (const [mount, proxy] of proxies) {
    if (path === mount || path.startsWith(`${mount}/`)) return proxy(request, response, url.slice(mount.length));
  }
  const found = files.get(path);
  if (!found || !["GET", "HEAD"].includes(request.method)) {
    response.writeHead(404, { ...PAGE_HEADERS, "content-type": "text/plain; charset=utf-8" });
    return response.end("Not found\n");
  }
  const [body, type] = found;
  response.writeHead(200, { ...PAGE_HEADERS, "content-type": type, "content-length": body.length });
  response.end(request.method === "HEAD" ? undefined : body);
});

server.on("error", (error) => {
  console.error(error.code === "EADDRINUSE" ? `Port ${port} is in use. Choose another with PORT=.` : error.message);
  process.exit(1);
});
server.listen(port, host, () => {
  console.log(`page on http://localhost:${port}  (auth: ${authUrl}, api: ${apiUrl})`);
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}
