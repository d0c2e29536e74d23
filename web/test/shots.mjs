// Pictures of every view, to be looked at: node test/shots.mjs FOLDER [WORD...]
import { mkdirSync } from "node:fs";
import { open } from "./browser.js";
import { mock } from "./mock.js";

const [folder = "shots", ...only] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const browser = await open();
const one = `/containers/docker/${"00000001".repeat(8)}`;
const VIEWS = [
  ["overview", "usual", "/containers/", {}], ["overview-dark", "usual", "/containers/", { colorScheme: "dark" }],
  ["overview-phone", "usual", "/containers/", { phone: true }], ["overview-tree", "usual", "/containers/?group=tree", {}],
  ["overview-pods", "usual", "/containers/?group=pod", {}], ["overview-1000", "thousand", "/containers/", {}],
  ["overview-empty", "empty", "/containers/", {}], ["overview-failing", "failing", "/containers/", {}],
  ["overview-none", "usual", "/containers/?q=zzz", {}], ["hostile", "hostile", "/containers/", {}],
  ["container", "usual", one, { full: true }], ["container-dark", "usual", one, { full: true, colorScheme: "dark" }],
  ["container-phone", "usual", one, { phone: true, full: true }], ["container-gone", "usual", "/containers/docker/none", {}],
  ["events", "usual", "/containers/?view=events", {}], ["events-phone", "usual", "/containers/?view=events", { phone: true }],
  ["machine", "usual", "/containers/?view=machine", { full: true }], ["machine-dark-phone", "usual", "/containers/?view=machine", { phone: true, colorScheme: "dark", full: true }],
  ["missing", "usual", "/containers/?view=missing", {}], ["help", "usual", "/containers/", { key: "?" }],
];
for (const [name, scenario, path, { phone, full, key, ...more }] of VIEWS) {
  if (only.length && !only.some((word) => name.includes(word))) continue;
  const server = await mock({ scenario });
  const context = await browser.newContext({ viewport: phone ? { width: 390, height: 844 } : { width: 1440, height: 900 }, ...more });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.log(name, "ERROR", error.message));
  page.on("console", (message) => message.type() === "error" && console.log(name, "console", message.text()));
  await page.goto(server.url + path);
  await page.waitForTimeout(2600);
  if (key) await page.keyboard.press(key);
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: !!full });
  await context.close();
  server.close();
}
await browser.close();
