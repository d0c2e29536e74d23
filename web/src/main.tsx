// The page takes over from the plain one that the program sent. Where this script does not run, that one stays.

import { render } from "preact";
import uplot from "uplot/dist/uPlot.min.css?inline";
import { App } from "./app";
import { start as lookForEnded } from "./ended";
import * as route from "./route";
import * as store from "./store";
import ours from "./style.css?inline";

const sheet = new CSSStyleSheet();
sheet.replaceSync(uplot + ours);
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
const html = document.documentElement;
html.classList.add("app");

function taken(): void {
  for (const plain of document.querySelectorAll<HTMLLinkElement>('link[rel="stylesheet"]')) plain.disabled = true;
  // a relative address would be another one after the first step to another view
  for (const icon of document.querySelectorAll<HTMLLinkElement>('link[rel="icon"]')) icon.setAttribute("href", icon.href);
  const kept = [...document.body.childNodes];
  document.body.replaceChildren();
  try {
    route.start();
    store.start();
    lookForEnded();
    render(<App />, document.body);
  } catch (error) {
    // better the plain page than none
    document.body.replaceChildren(...kept);
    for (const plain of document.querySelectorAll<HTMLLinkElement>('link[rel="stylesheet"]')) plain.disabled = false;
    document.adoptedStyleSheets = [];
    throw error;
  } finally {
    html.classList.add("ready");
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", taken);
else taken();
