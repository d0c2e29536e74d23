// The page in a real browser, over a program that is not there: its states, its keys, what must not get in.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { open, soon } from "./browser.js";
import { mock } from "./mock.js";

let browser;
before(async () => { browser = await open(); });
after(async () => { await browser.close(); });

// what a test that failed left open would keep the run from its end
const servers = [];
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  for (const server of servers.splice(0)) server.close();
});
const start = async (options) => {
  const server = await mock(options);
  servers.push(server);
  return server;
};

/** A page on a program of this kind; what the browser complains about fails the test. */
async function at(path, options = {}, more = {}) {
  const server = await start(options);
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...more });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
  });
  await page.goto(server.url + path);
  return { page, server, complaints, async done() { await context.close(); assert.deepEqual(complaints, []); } };
}

const names = (page) => page.locator(".rows tbody tr[data-name] a").allTextContents();
const first = async (page) => (await names(page))[0];
const column = (page, nth) => page.locator(`.rows tbody tr[data-name] td:nth-of-type(${nth})`).allTextContents();

test("what breaches its load line comes first and says why", async () => {
  const { page, done } = await at("/containers/");
  await page.locator(".rows tbody tr[data-name]").first().waitFor();
  const rows = page.locator(".rows tbody tr[data-name]");
  assert.match(await rows.first().locator(".why").textContent(), /throttled \d+ % of the time|OOM-killed twice|and reclaiming/);
  assert.match(await rows.first().locator(".degree").textContent(), /suffering/);
  assert.match(await page.locator("h1").textContent(), /\d suffering/);
  assert.match(await page.locator(".under").first().textContent(), /podman 3|podman.*does not answer/);
  await done();
});

test("it lives: numbers move without a new page, and stop when asked", async () => {
  const { page, server, done } = await at("/containers/", { interval: 200 });
  const value = page.locator(".strip .value").first();
  await value.waitFor();
  const before_ = await value.textContent();
  await page.waitForFunction((old) => document.querySelector(".strip .value").textContent !== old, before_);
  await page.keyboard.press("p");
  await page.getByRole("button", { name: "Paused" }).waitFor();
  const paused = await page.locator(".rows").textContent();
  await page.waitForTimeout(700);
  assert.equal(await page.locator(".rows").textContent(), paused);
  assert.equal(server.asked.filter((url) => url.includes("/live")).length, 1, "one connection, however long");
  await done();
});

test("sort, search, filters and groups; the address keeps the filters and the browser the rest", async () => {
  const { page, server, done } = await at("/containers/");
  await page.locator(".rows tbody tr[data-name]").first().waitFor();
  await page.getByRole("button", { name: "Name" }).click();
  const up = await soon(async () => {
    const shown = await names(page);
    assert.deepEqual(shown, [...shown].sort());
    return shown;
  });
  await page.getByRole("button", { name: "Name" }).click();
  await soon(async () => assert.equal(await first(page), [...up].sort().at(-1)));
  assert.equal(await page.locator("th[aria-sort]").first().getAttribute("aria-sort"), "descending");
  await page.getByRole("button", { name: "CPU", exact: true }).click();
  // pressed, the pointer is on the table: it moves away, so that the order is free
  await page.mouse.move(5, 5);
  await soon(async () => {
    const cpu = (await column(page, 3)).map((text) => (text.startsWith("<") ? 0 : parseFloat(text)));
    assert.deepEqual(cpu, [...cpu].sort((a, b) => b - a));
  });

  await page.keyboard.press("/");
  await page.keyboard.type("redis");
  await soon(async () => assert.deepEqual([...new Set((await names(page)).map((name) => name.replace(/-\d$/, "")))], ["redis"]));
  await soon(() => assert.match(page.url(), /\?q=redis$/));
  await page.getByLabel("Runtime").selectOption("containerd");
  await soon(async () => assert.ok((await column(page, 1)).every((text) => text === "containerd")));
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.getByLabel("Label").fill("tier=front");
  await soon(async () => assert.equal((await names(page)).length, 12));
  await page.getByLabel("Label").fill("nothing=such");
  await page.getByText("Nothing matches").waitFor();
  await page.locator(".empty").getByRole("button", { name: "Clear filters" }).click();
  await page.getByLabel("Group by").selectOption("compose");
  await soon(async () => {
    const groups = await page.locator(".group .clip").allTextContents();
    assert.ok(groups.includes("shop") && groups.at(-1) === "no compose project", groups.join());
  });
  await page.reload();
  await page.locator(".group").first().waitFor();
  assert.equal(await page.getByLabel("Group by").inputValue(), "compose");

  await page.getByLabel("Group by").selectOption("tree");
  await page.locator('[data-name="/system.slice/ssh.service"]').waitFor();
  await page.locator('[data-name="/system.slice"] .twist').click();
  await page.locator('[data-name="/system.slice/ssh.service"]').waitFor({ state: "detached" });
  await page.goto(`${server.url}/containers/?runtime=podman&group=pod`);
  await page.locator(".rows tbody tr[data-name]").first().waitFor();
  assert.ok((await column(page, 1)).every((text) => text === "podman" || text === ""));
  await done();
});

test("keys: arrows walk, Enter opens, Escape goes back, ? explains", async () => {
  const { page, done } = await at("/containers/");
  await page.locator(".rows tbody tr[data-name]").first().waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction(() => document.activeElement?.closest("tr")?.dataset.line === "1");
  const name = await page.evaluate(() => document.activeElement.textContent);
  await page.keyboard.press("Enter");
  await page.locator(".chart canvas").first().waitFor();
  await soon(async () => assert.equal((await page.locator("h1").textContent()).trim().replace(/^(suffering|at its load line|near its load line) /, ""), name));
  await page.keyboard.press("Escape");
  await page.locator(".rows").waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.keyboard.press("2");
  await page.locator(".events").waitFor();
  await page.keyboard.press("3");
  await page.locator(".thread").first().waitFor();
  await page.keyboard.press("4");
  await page.locator(".lacks").waitFor();
  await done();
});

test("a container: charts that grow, share a zoom, and its processes, sorted", async () => {
  const server = await start({ interval: 300 });
  const { rows } = await (await fetch(`${server.url}/api/plimsoll/v1/overview`)).json();
  const row = rows.find((one) => one.cpu_limit && one.memory_limit);
  const { page, done } = await at(`/containers${row.name}`, { interval: 300 });
  const chart = page.locator(".plot").first();
  await chart.locator("canvas").waitFor();
  assert.equal(await page.getByText("1 is one core busy all the time").count(), 0);
  await page.getByRole("button", { name: "About CPU, cores" }).click();
  await page.getByText("1 is one core busy all the time").waitFor();
  await soon(async () => assert.match(await chart.getAttribute("aria-label"), /CPU, cores over .*: total [\d.<]+, at most/));
  await soon(async () => assert.ok((await page.locator(".legend").first().textContent()).includes("limit")));
  const box = await chart.locator(".u-over").boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + 40);
  await page.locator(".legend .when").first().waitFor();
  await soon(async () => assert.ok((await page.locator(".legend .when").count()) > 3, "the cursor is shared"));
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 5 });
  await page.mouse.up();
  await page.getByRole("button", { name: /Show all/ }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByText("Drag over a chart to zoom").waitFor();
  const span = () => page.locator(".span").textContent();
  const was = await span();
  await page.waitForFunction((old) => document.querySelector(".span").textContent !== old || /2 min/.test(old), was);
  const pids = () => page.locator(".processes tbody td:first-child").allTextContents();
  await page.getByRole("button", { name: "PID" }).click();
  await soon(async () => assert.deepEqual(await pids(), ["100", "101", "102", "103", "104", "105", "106"]));
  await page.getByRole("button", { name: "Memory", exact: true }).click();
  await soon(async () => assert.equal((await pids())[0], "106"));
  await page.locator(".pairs").getByRole("link", { name: "front" }).or(page.locator(".pairs").getByRole("link", { name: "back" })).click();
  await page.locator(".rows").waitFor();
  await soon(() => assert.match(page.url(), /label=tier%3D/));
  await done();
});

test("who uses it: the largest on each other, as much as each has, and the rest", async () => {
  const { page, server, done } = await at("/containers/?view=machine");
  const chart = page.locator(".chart", { hasText: "Who uses CPU" });
  await chart.locator("canvas").waitFor();
  const legend = await chart.locator(".legend li:not(.when)").evaluateAll((all) => all.map((one) => [one.firstElementChild.nextSibling.textContent.trim(), parseFloat(one.querySelector("b").textContent.replace("<", ""))]));
  assert.equal(legend.length, 8);
  assert.equal(legend[0][0], "everything else");
  const { rows } = await (await fetch(`${server.url}/api/plimsoll/v1/overview`)).json();
  const root = rows.find((row) => row.name === "/");
  const sum = legend.reduce((all, [, value]) => all + value, 0);
  assert.ok(Math.abs(sum - root.cpu) < 0.2 * root.cpu, `the parts are the whole: ${sum} of ${root.cpu}`);
  for (const [title, value] of legend.slice(1)) {
    const row = rows.find((one) => one.title === title);
    assert.ok(row?.runtime, `${title} is one that a runtime knows`);
    assert.ok(Math.abs(value - row.cpu) < 0.15, `${title}: ${value}, the API tells ${row.cpu}`);
  }
  const titles = await page.locator(".chart h3").evaluateAll((all) => all.map((one) => one.firstChild.textContent));
  assert.deepEqual(titles.slice(0, 4), ["Who uses CPU, cores", "Who uses memory", "Who uses the network", "Who uses disks"]);
  // however short a name is, a finger hits it
  const size = await chart.locator(".legend a").last().evaluate((link) => {
    link.textContent = "i";
    const { width, height } = link.getBoundingClientRect();
    return [width, height];
  });
  assert.ok(Math.min(...size) >= 24, size.join());
  await chart.locator(".legend a").first().click();
  await page.getByRole("heading", { name: legend[1][0], level: 1 }).waitFor();
  await page.goto(`${server.url}/containers/system.slice`);
  await page.locator(".chart", { hasText: "Who uses memory" }).getByRole("link", { name: "ssh.service" }).waitFor();
  await page.goto(`${server.url}/containers/system.slice/ssh.service`);
  await page.locator(".chart canvas").first().waitFor();
  assert.equal(await page.getByText("Who uses").count(), 0, "nobody is below it");
  await done();
});

test("what is wrong with the machine is said above its containers", async () => {
  const { page, done } = await at("/containers/");
  await page.getByText("The machine: /dev/nvme0n1p2 is 92 % full").waitFor();
  await page.locator(".tile", { hasText: "Disk" }).getByText("92 % of nvme0n1p2 used").waitFor();
  await done();
});

test("what falls over again and again is named while it does not run, and tells how it ended", async () => {
  const { page, server, done } = await at("/containers/");
  const fallen = page.getByRole("list", { name: "Ended and not running" });
  await fallen.getByText(/^suffering import-orders is not running: ended 3 times in the last hour, last 1 min ago, exit code 127: its command was not found$/).waitFor();
  assert.equal(await fallen.getByRole("listitem").count(), 1, "not what ended last week");
  await fallen.getByRole("link").click();
  await page.getByRole("heading", { name: "import-orders has ended" }).waitFor();
  assert.match(await page.locator(".todo code").textContent(), /^docker logs --tail 50 [0-9a-f]{12}$/);
  await page.keyboard.press("1");
  // what is gone is looked for again, but not each time
  const before = server.asked.filter((url) => url.endsWith("/ended")).length;
  await page.waitForTimeout(3000);
  assert.ok(server.asked.filter((url) => url.endsWith("/ended")).length - before <= 1);
  await done();
});

test("what is wrong is explained where one looks closer: what it means, who has a part in it, what helps", async () => {
  const { page, server, done } = await at("/containers/");
  const { rows } = await (await fetch(`${server.url}/api/plimsoll/v1/overview`)).json();
  const throttled = rows.find((row) => row.runtime === "docker" && row.breaches.some((one) => one.kind === "throttled"));
  await page.getByRole("link", { name: throttled.title, exact: true }).click();
  const ills = page.locator(".breaches li");
  await ills.filter({ hasText: "throttled" }).getByText("What helps: Raise its CPU limit").waitFor();
  assert.equal(await page.locator(".todo code").textContent(), `docker update --cpus 2 ${throttled.id.slice(0, 12)}`);
  const waits = rows.find((row) => row.breaches.some((one) => one.kind === "pressure-io" && one.severity === 2));
  await page.goto(`${server.url}/containers${waits.name}`);
  const ill = ills.filter({ hasText: "waiting for disk 61 % of the time" });
  await ill.getByText(/^Most disk now: .* 40 %, .* 20 %, .* 13 %, all else 27 %$/).waitFor();
  await ill.getByRole("link").first().click();
  await page.locator("main h1").getByText(rows.filter((row) => row.runtime)[0].title).waitFor();
  // of the machine, from above its containers
  await page.keyboard.press("1");
  await page.getByRole("link", { name: "Why, and what to do" }).click();
  await page.locator(".breaches").getByText("What disk means.").waitFor();
  // one that is well is not asked about
  const before = server.asked.length;
  await page.goto(`${server.url}/containers${rows.find((row) => row.runtime && !row.breaches.length).name}`);
  await page.locator(".chart canvas").first().waitFor();
  assert.equal(await page.locator(".breaches").count(), 0);
  assert.ok(!server.asked.slice(before).some((url) => url.includes("/advice?")));
  await done();
});

test("old addresses lead to the views, under a prefix too", async () => {
  const server = await start({ prefix: "/a/b" });
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${server.url}/docker/`);
  await page.locator(".rows tbody tr[data-name]").first().waitFor();
  assert.equal(await page.getByLabel("Runtime").inputValue(), "docker");
  await page.goto(`${server.url}/docker/web`);
  await page.getByRole("heading", { name: "web", level: 1 }).waitFor();
  await page.locator(".chart canvas").first().waitFor();
  await page.goto(`${server.url}/containers/system.slice/ssh.service`);
  await page.getByRole("heading", { name: "ssh.service", level: 1 }).waitFor();
  await page.getByRole("link", { name: "Machine" }).click();
  await page.locator(".thread").first().waitFor();
  assert.equal(new URL(page.url()).pathname, "/a/b/containers/");
  assert.ok(server.asked.every((url) => url.startsWith("/a/b/")), "nothing outside the prefix");
});

test("hostile names are only text", async () => {
  for (const path of ["/containers/", "/containers/?group=pod", "/containers/?group=tree", "/containers/?view=events", "/containers/docker/%22%3E%3Cscript%3Ewindow.hacked%3D1%3C%2Fscript%3E%3Cimg%20src%3Dx%20onerror%3D%22window.hacked%3D2%22%3E"]) {
    const { page, server, done } = await at(path, { scenario: "hostile" });
    await page.getByText("<script>").filter({ visible: true }).first().waitFor();
    assert.equal(await page.evaluate(() => window.hacked), undefined, path);
    if (path.includes("hacked")) await page.locator(".todo").getByText("<script>").first().waitFor();
    assert.equal(await page.evaluate(() => window.hacked), undefined, path);
    assert.equal(await page.locator("main img, main script").count(), 0, path);
    assert.ok(server.asked.every((url) => !url.endsWith("/x")), "no picture is asked for");
    await done();
  }
});

test("a thousand rows: few are drawn, all are there, and scrolling is smooth", async (t) => {
  const { page, done } = await at("/containers/", { scenario: "thousand", interval: 500 });
  await page.locator(".rows tbody tr[data-name]").first().waitFor();
  assert.ok((await page.locator(".rows tbody tr").count()) < 90);
  await soon(async () => assert.equal(await page.locator(".rows").getAttribute("aria-rowcount"), "1001"));
  const frames = await page.evaluate(async () => {
    const times = [];
    let last = performance.now();
    for (let n = 0; n < 120; n += 1) {
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      times.push(now - last);
      last = now;
      scrollBy(0, 120);
    }
    return times.sort((a, b) => a - b);
  });
  const heap = await page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
  t.diagnostic(`1,000 rows, scrolling 120 px a frame with updates: median frame ${frames[60].toFixed(1)} ms, 95 % ${frames[114].toFixed(1)} ms, heap ${(heap / 2 ** 20).toFixed(1)} MiB`);
  await page.keyboard.press("End");
  await page.waitForFunction(() => document.activeElement?.closest("tr")?.dataset.line === "999");
  assert.ok(heap < 100 * 2 ** 20);
  await page.locator("#search").fill("web-990");
  await soon(async () => assert.deepEqual(await names(page), ["web-990"]));
  await done();
});

test("states that help: nothing there, nobody answers, gone in between, not allowed", async () => {
  const empty = await at("/containers/", { scenario: "empty" });
  await empty.page.getByText("No container is running here").waitFor();
  await empty.page.keyboard.press("4");
  await empty.page.getByText("Nothing is missing").waitFor();
  await empty.done();

  const denied = await at("/containers/", { scenario: "denied" });
  await denied.page.getByText("401 Unauthorized").waitFor();
  await denied.done();

  const gone = await at("/containers/docker/none");
  await gone.page.getByText("/docker/none is not running here").waitFor();
  await gone.done();

  for (const address of ["/containers/docker/over", "/docker/job"]) {
    const over = await at(address);
    await over.page.getByText("job has ended").waitFor();
    for (const fact of ["exit code 137: it was killed", "1.500 s", "64.0 MiB"]) await over.page.getByText(fact, { exact: true }).waitFor();
    assert.equal(await over.page.evaluate(() => window.hacked), undefined);
    await over.done();
  }

  const broken = await at("/containers/", { interval: 200 });
  await broken.page.locator(".rows tbody tr[data-name]").first().waitFor();
  await fetch(`${broken.server.url}/break`);
  await broken.page.getByText("the log says why").waitFor();
  assert.ok((await names(broken.page)).length > 5, "the last numbers stay");
  await fetch(`${broken.server.url}/mend`);
  await broken.page.getByText("the log says why").waitFor({ state: "detached", timeout: 15000 });
  await broken.done();
});

test("light and dark, as the system or as chosen, and remembered", async () => {
  const { page, done } = await at("/containers/", {}, { colorScheme: "dark" });
  await page.locator(".rows").waitFor();
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(await paper(), "rgb(16, 22, 27)");
  await page.keyboard.press("t");
  assert.equal(await paper(), "rgb(245, 246, 247)");
  await page.reload();
  await page.locator(".rows").waitFor();
  assert.equal(await paper(), "rgb(245, 246, 247)");
  await done();
});

/** Contrast of two colours after WCAG. */
function contrast(a, b) {
  const light = (hex) => {
    const parts = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
}

test("words are readable (WCAG AA), and every control has a name", async () => {
  const css = readFileSync(new URL("../src/style.css", import.meta.url), "utf8");
  for (const block of [css.match(/:root \{[^}]*\}/)[0], css.match(/:root\[data-theme="dark"\] \{[^}]*\}/)[0]]) {
    const color = Object.fromEntries([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, name, hex]) => [name, hex]));
    for (const ink of ["ink", "soft", "link", "warn-ink", "bad-ink"]) {
      for (const ground of ["paper", "panel", "hover"]) assert.ok(contrast(color[ink], color[ground]) >= 4.5, `${ink} on ${ground}: ${contrast(color[ink], color[ground]).toFixed(2)}`);
    }
    for (const line of ["data", "warn", "bad", "c1", "c2", "c3"]) assert.ok(contrast(color[line], color.panel) >= 3, `${line} on panel`);
  }
  for (const path of ["/containers/", "/docker/web", "/containers/?view=machine", "/containers/?view=events"]) {
    const { page, done } = await at(path);
    await page.locator("main h1").first().waitFor();
    await page.waitForTimeout(300);
    const unnamed = await page.evaluate(() => [...document.querySelectorAll("button, a, input, select, [role=img]")]
      .filter((one) => !(one.getAttribute("aria-label") || one.textContent.trim() || one.labels?.[0]?.textContent.trim()))
      .map((one) => one.outerHTML.slice(0, 80)));
    assert.deepEqual(unnamed, [], path);
    assert.equal(await page.locator("main h1").count(), 1, `${path} has one heading`);
    await done();
  }
});

const VIEWS = ["/containers/", "/docker/web", "/containers/?view=machine", "/containers/?view=events"];
for (const [look, scenario, paths, more] of [
  ["light", "usual", [...VIEWS, "/containers/?group=tree", "/containers/?group=pod", "/containers/docker/none", "/containers/?view=missing"], {}],
  ["in the dark", "usual", VIEWS, { colorScheme: "dark" }], ["on a phone", "usual", VIEWS, { viewport: { width: 390, height: 844 } }],
  ["empty", "empty", ["/containers/"], {}], ["without an answer", "failing", ["/containers/", "/docker/web"], {}],
]) {
  test(`axe finds nothing (WCAG A and AA, best practice): ${look}`, async () => {
    const axe = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
    const server = await start({ scenario });
    // the policy of the page would keep axe out
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, bypassCSP: true, ...more });
    const page = await context.newPage();
    for (const path of paths) {
      await page.goto(server.url + path);
      await page.locator("main h1").first().waitFor();
      if (scenario === "usual" && /web|machine/.test(path)) await page.locator(".chart canvas").first().waitFor();
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 120)} ${nodes[0].failureSummary}`), [], path);
    }
  });
}

test("a phone: no sideways scrolling, and the reasons are there", async () => {
  for (const path of ["/containers/", "/docker/web", "/containers/?view=machine", "/containers/?view=events", "/containers/?view=missing"]) {
    const { page, done } = await at(path, {}, { viewport: { width: 390, height: 844 } });
    await page.locator("main h1").first().waitFor();
    await page.waitForTimeout(400);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, path);
    await done();
  }
});

test("it is small, asks its own host alone and paints at once", async () => {
  assert.ok(readFileSync(new URL("../dist/page.js.gz", import.meta.url)).length < 150_000);
  const { page, done } = await at("/containers/");
  const hosts = new Set();
  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  await page.reload();
  await page.locator(".rows tbody tr[data-name]").first().waitFor();
  assert.equal(hosts.size, 1);
  assert.equal(await page.locator("#plain").count(), 0);
  await done();
});

test("without JavaScript the plain page stays", async () => {
  const { page, done } = await at("/containers/", {}, { javaScriptEnabled: false });
  await page.locator("#plain").waitFor();
  await done();
});
