// The page over the running program: PLIMSOLL_URL, with the containers that tests/live_page.rs started.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, soon } from "./browser.js";

const URL_ = process.env.PLIMSOLL_URL;
const [burner, holder, hostile] = process.env.PLIMSOLL_TEST_NAMES.split(" ");
let browser;
before(async () => { browser = await open(); });
after(async () => { await browser.close(); });

const ask = async (path) => (await fetch(`${URL_}/api/${path}`)).json();
const complaints = [];

async function at(path, more = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...more });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(`${message.text()} ${message.location().url}`));
  await page.goto(URL_ + path);
  return page;
}

const rowOf = (page, title) => page.locator(".rows tbody tr[data-name]").filter({ has: page.getByRole("link", { name: title, exact: true }) });
const UNITS = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** The first number of a text, in bytes if it has such a unit: `61.3 of 128 MiB` has it at its end. */
function read(text) {
  const [, size, unit, limits] = text.match(/([\d.]+)\s*(B|KiB|MiB|GiB)?(?:\s*of [\d.]+ (\w+))?/);
  return Number(size) * (UNITS[unit ?? limits] ?? 1);
}

const near = (what, shown, told, part) =>
  assert.ok(Math.abs(shown - told) <= Math.max(told * part, 0.011), `${what}: the page shows ${shown}, the API tells ${told}`);

test("numbers on the page are those of the API", async () => {
  const page = await at("/");
  await rowOf(page, burner).waitFor();
  // the load is steady once it has run for a while
  await page.waitForFunction((name) => [...document.querySelectorAll(".why")].some((why) => /throttled/.test(why.textContent) && why.closest("tr").textContent.includes(name)), burner);
  // the page and the API are asked one after the other, and a load moves in between
  const { rows, machine } = await soon(async () => {
    const told = await ask("plimsoll/v1/overview");
    for (const title of [burner, holder]) {
      const row = told.rows.find((one) => one.title === title);
      const cells = await rowOf(page, title).locator("td").allTextContents();
      near(`${title} CPU`, read(cells[2].replace("<", "")), row.cpu, 0.2);
      near(`${title} memory`, read(cells[3]), row.memory, 0.1);
      assert.equal(cells[0], row.runtime);
      assert.equal(cells[1], row.state);
      if (row.memory_limit) assert.match(cells[3], /of 96\.0 MiB$/);
      if (row.cpu_limit) assert.match(cells[2], /of 0\.30$/);
    }
    return told;
  });
  const first = rows.find((one) => one.title === burner);
  assert.equal(first.severity > 0, true);
  assert.match(await rowOf(page, burner).locator(".why").textContent(), /throttled \d+ % of the time/);
  assert.equal(await page.locator(".rows tbody tr[data-name] a").first().textContent(), burner, "the worst is first");
  assert.match(await page.locator(".strip").textContent(), new RegExp(`of ${machine.cores} core`));
});

test("search, sort, label and deep link", async () => {
  const page = await at(`/containers/?q=${holder}`);
  await rowOf(page, holder).waitFor();
  assert.equal(await page.locator(".rows tbody tr[data-name]").count(), 1);
  await page.getByLabel("Label", { exact: true }).fill("load=none");
  await page.getByText("Nothing matches").waitFor();
  await page.locator(".empty").getByRole("button").click();
  await page.getByRole("button", { name: "Memory" }).click();
  await page.mouse.move(5, 5);
  const { rows } = await ask("plimsoll/v1/overview");
  const largest = rows.filter((row) => row.runtime && row.runtime !== "systemd").sort((a, b) => b.memory - a.memory)[0];
  await page.waitForFunction((title) => document.querySelector(".rows tbody tr[data-name] a").textContent === title, largest.title);
});

test("a container by Docker's name: charts, zoom, processes, limits", async () => {
  const page = await at(`/docker/${burner}`, { colorScheme: "dark" });
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  const chart = page.locator(".plot").first();
  await chart.locator("canvas").waitFor();
  const box = await chart.locator(".u-over").boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.8, box.y + 40, { steps: 4 });
  await page.mouse.up();
  await page.getByRole("button", { name: /Show all/ }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByText("Drag over a chart to zoom").waitFor();
  const { rows } = await ask("plimsoll/v1/overview");
  const row = rows.find((one) => one.title === burner);
  // twice the limit, if the machine has it
  await page.locator(".todo").getByText("What helps: Raise its CPU limit").waitFor();
  assert.equal(await page.locator(".todo code").textContent(), `docker update --cpus 0.6 ${row.id.slice(0, 12)}`);
  const pids = (await ask(`v2.1/ps${row.name}`)).map((one) => String(one.pid)).sort();
  await page.locator(".processes tbody tr").first().waitFor();
  assert.deepEqual((await page.locator(".processes tbody td:first-child").allTextContents()).sort(), pids);
  await page.getByText("0.30 cores", { exact: true }).waitFor();
  await page.getByText(row.id, { exact: true }).waitFor();
  await soon(async () => {
    const series = await ask(`plimsoll/v1/series?name=${encodeURIComponent(row.name)}`);
    const told = series.columns.cpu.findLast((value) => value !== null);
    near("the chart's CPU", read(await page.locator(".legend b").first().textContent()), told, 0.2);
  });
});

test("what a container calls itself is only text", async () => {
  const page = await at("/containers/?label=evil");
  await rowOf(page, hostile).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.locator(".pairs dd").getByText("<img src=x onerror=alert(1)>").waitFor();
  assert.equal(await page.locator("main img").count(), 0);
});

test("events, machine and what is missing", async () => {
  const page = await at(`/containers/?view=events&q=${burner}`);
  await page.locator(".events li").first().waitFor();
  assert.match(await page.locator(".events").textContent(), /started/);
  await page.keyboard.press("3");
  const { num_cores: cores } = await ask("v1.3/machine");
  await page.locator(".thread").first().waitFor();
  assert.equal(await page.locator(".thread").count(), cores);
  await page.keyboard.press("4");
  const lacks = await ask("plimsoll/v1/missing");
  await page.getByRole("heading", { name: "What is missing" }).waitFor();
  if (lacks.length) await page.getByText(lacks[0].remedy || lacks[0].reason).first().waitFor();
  else await page.getByText("Nothing is missing").waitFor();
});

test("the browser has nothing to complain about, and tells when it painted first", async (t) => {
  const page = await at("/containers/");
  await rowOf(page, burner).waitFor();
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  t.diagnostic(`first paint after ${Math.round(paint)} ms`);
  assert.deepEqual(complaints, []);
});
