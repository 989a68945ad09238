// Bundles src/app.js and the official better-auth client into one file, so that nothing needs building at run time.
import { build } from "esbuild";
import { copyFile, mkdir } from "node:fs/promises";

const here = (path) => new URL(path, import.meta.url).pathname;

await mkdir(here("dist/"), { recursive: true });
await build({
  entryPoints: [here("src/app.js")],
  outfile: here("dist/app.js"),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  sourcemap: "linked",
  logLevel: "warning",
});
await Promise.all(["index.html", "app.css", "icon.svg"].map((name) => copyFile(here(`src/${name}`), here(`dist/${name}`))));
