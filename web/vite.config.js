// One file comes out, and its compressed form beside it: crates/serve/build.rs puts them into the program.
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { defineConfig } from "vite";

/** dist/page.js.gz, the form that the program keeps and sends. */
const compressed = {
  name: "compressed",
  closeBundle() {
    writeFileSync("dist/page.js.gz", gzipSync(readFileSync("dist/page.js"), { level: 9 }));
  },
};

export default defineConfig({
  plugins: [compressed],
  build: {
    target: "es2022",
    modulePreload: false,
    // a note is kept there, see its own words
    emptyOutDir: false,
    // a classic script: it runs before the first paint, so that the plain page is never seen in between
    rollupOptions: { input: "src/main.tsx", output: { format: "iife", entryFileNames: "page.js" } },
  },
});
