// The pictures in docs/images: make images
import { mkdirSync } from "node:fs";
import { open } from "./browser.js";
import { mock } from "./mock.js";

const folder = new URL("../../docs/images/", import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
const browser = await open();
const server = await mock();
const { rows } = await (await fetch(`${server.url}/api/plimsoll/v1/overview`)).json();
const suffering = rows.find((row) => row.severity === 3 && row.cpu_limit && row.memory_limit);
const wide = { width: 1280, height: 800 };
for (const [name, path, viewport, colorScheme, heading] of [
  ["overview", "/containers/", wide, "light"], ["overview-dark", "/containers/?group=compose", wide, "dark"],
  ["container", `/containers${suffering.name}`, wide, "light"], ["phone", "/containers/", { width: 390, height: 720 }, "light"],
  ["who", "/containers/?view=machine", { width: 1280, height: 650 }, "dark", "Who uses it"],
]) {
  const page = await browser.newPage({ viewport, colorScheme });
  await page.goto(server.url + path);
  await page.waitForTimeout(2500);
  if (heading) await page.getByRole("heading", { name: heading }).evaluate((one) => scrollTo(0, one.offsetTop - 60));
  await page.screenshot({ path: `${folder}${name}.png` });
  await page.close();
}
await browser.close();
server.close();
