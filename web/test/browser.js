// Debian's Chromium, driven from here; another one by the variable CHROMIUM.
import { chromium } from "playwright-core";

export const open = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
