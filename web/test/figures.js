// The page's figures, over the real program with many cgroups: first paint, frames while rows change, growth over time.
//
//   PLIMSOLL_BIN=... node test/figures.js [cgroups=1000] [minutes=30]        (root; make bench-page)
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { createServer } from "node:net";
import { open } from "./browser.js";

const options = Object.fromEntries(process.argv.slice(2).map((word) => word.split("=")));
const count = Number(options.cgroups ?? 1000);
const minutes = Number(options.minutes ?? 30);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const median = (all) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)];

const TREE = "/sys/fs/cgroup";
const roots = existsSync(`${TREE}/cgroup.controllers`) ? [TREE] : ["cpuacct", "cpu,cpuacct", "memory", "pids"].map((name) => `${TREE}/${name}`).filter(existsSync);
const parent = `plimsoll-page-${process.pid}`;
const groups = roots.flatMap((root) => [`${root}/${parent}`, ...Array.from({ length: count }, (_, n) => `${root}/${parent}/c${n}`)]);

const freePort = () => new Promise((done) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

let program;
let browser;
async function end() {
  await browser?.close();
  program?.kill();
  for (const group of [...groups].reverse()) if (existsSync(group)) rmdirSync(group);
}
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => end().then(() => process.exit(1)));

try {
  groups.forEach((group) => mkdirSync(group, { recursive: true }));
  const port = await freePort();
  program = spawn(process.env.PLIMSOLL_BIN, [`--port=${port}`, "--listen_ip=127.0.0.1", "--allow_dynamic_housekeeping=false"], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}/`;
  for (let n = 0; ; n += 1) {
    if (await fetch(`${url}healthz`).then((answer) => answer.ok, () => false)) break;
    if (n > 100) throw new Error("the program does not answer");
    await sleep(100);
  }
  await sleep(5000);
  browser = await open();

  const paints = [];
  for (let n = 0; n < 5; n += 1) {
    const page = await (await browser.newContext()).newPage();
    await page.goto(url);
    await page.locator(".rows tbody tr[data-name]").first().waitFor();
    paints.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN));
    await page.context().close();
  }

  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  await page.goto(url);
  await page.locator(".rows tbody tr[data-name]").first().waitFor();
  const rows = Number(await page.locator(".rows").getAttribute("aria-rowcount")) - 1;
  const frames = await page.evaluate(async () => {
    const times = [];
    let last = performance.now();
    for (let n = 0; n < 300; n += 1) {
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      times.push(now - last);
      last = now;
      scrollBy(0, n % 100 < 50 ? 120 : -120);
    }
    return times;
  });
  frames.sort((a, b) => a - b);

  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable");
  const look = async () => {
    await devtools.send("HeapProfiler.collectGarbage");
    const { metrics } = await devtools.send("Performance.getMetrics");
    const of = (name) => metrics.find((metric) => metric.name === name).value;
    return { heap: of("JSHeapUsedSize") / 2 ** 20, nodes: of("Nodes"), listeners: of("JSEventListeners") };
  };
  const grown = [];
  const marks = [1, 5, 15, 30, 60, 120, 240].filter((minute) => minute < minutes).concat(minutes);
  for (const [at, minute] of marks.entries()) {
    await sleep((minute - (marks[at - 1] ?? 0)) * 60_000);
    grown.push([minute, await look()]);
  }

  const put = (line) => process.stdout.write(`${line}\n`);
  put(`${rows} rows over ${readdirSync(`${roots[0]}/${parent}`, { withFileTypes: true }).filter((entry) => entry.isDirectory()).length} cgroups made for it; headless Chromium ${browser.version()}`);
  put("");
  put("| what | figure |\n| --- | --- |");
  put(`| first paint, median of ${paints.length} | ${median(paints).toFixed(0)} ms |`);
  put(`| a frame while all rows scroll and change, median, 95 % | ${frames[150].toFixed(1)}, ${frames[285].toFixed(1)} ms |`);
  for (const [minute, { heap, nodes, listeners }] of grown) {
    put(`| open for ${minute} min: heap, nodes, listeners | ${heap.toFixed(1)} MiB, ${nodes}, ${listeners} |`);
  }
} finally {
  await end();
}
