// Debian's Chromium, driven from here; another one by the variable CHROMIUM.
import { chromium } from "playwright-core";

export const open = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });

/** Again and again until it holds: what was asked for is drawn a little later, on a busy machine much later. */
export async function soon(check) {
  for (const end = Date.now() + 20_000; ;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}
