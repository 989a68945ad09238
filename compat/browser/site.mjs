// The pages, bundled, on one origin with the auth server.
import { createServer } from "node:http";
import { build } from "esbuild";
import { proxyTo } from "../../examples/web/proxy.mjs";

const here = (path) => new URL(path, import.meta.url).pathname;

async function bundle(name) {
  const { outputFiles } = await build({
    entryPoints: [here(`pages/${name}.js`)],
    bundle: true,
    write: false,
    format: "esm",
    define: { "process.env.NODE_ENV": '"production"', __VUE_OPTIONS_API__: "true", __VUE_PROD_DEVTOOLS__: "false", __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false" },
    logLevel: "warning",
  });
  return outputFiles[0].text;
}

/** Serves the pages of `names` as /NAME, and everything below /api/auth from the server that `target()` names. */
export async function startSite(names, target) {
  const scripts = new Map(await Promise.all(names.map(async (name) => [`/${name}.js`, await bundle(name)])));
  const site = createServer((request, response) => {
    const path = request.url.split("?", 1)[0];
    if (path.startsWith("/api/auth/")) return proxyTo(`${target()}/api/auth`)(request, response, request.url.slice("/api/auth".length));
    const script = scripts.get(path);
    const isPage = scripts.has(`${path}.js`);
    response.writeHead(script || isPage ? 200 : 404, { "content-type": script ? "text/javascript; charset=utf-8" : "text/html; charset=utf-8" });
    response.end(script ?? (isPage ? `<!doctype html><title>${path}</title><div id="root"></div><script type="module" src="${path}.js"></script>` : ""));
  });
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${site.address().port}`, stop: () => new Promise((resolve) => { site.close(resolve); site.closeAllConnections(); }) };
}
