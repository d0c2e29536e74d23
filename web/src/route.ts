// Addresses are those of always; what has none among them is a query of the overview.

import { signal } from "@preact/signals";
import { BASE, escaped } from "./base";

export type View = "overview" | "container" | "events" | "machine" | "missing";

export interface Place {
  view: View;
  /** The cgroup's name, in the view of a container. */
  name: string;
  /** Instead of the name: what a runtime calls it. */
  alias?: { runtime: string; word: string };
  query: URLSearchParams;
}

const VIEWS: readonly string[] = ["events", "machine", "missing"];

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

export function read(at: { pathname: string; search: string }): Place {
  const query = new URLSearchParams(at.search);
  const path = at.pathname.startsWith(BASE) ? at.pathname.slice(BASE.length) : "";
  const slash = path.indexOf("/");
  const [first, rest] = slash < 0 ? [path, ""] : [path.slice(0, slash), path.slice(slash + 1)];
  const word = decoded(rest).replace(/\/+$/, "");
  if ((first === "docker" || first === "podman") && word) {
    return { view: "container", name: "", alias: { runtime: first, word }, query };
  }
  if (first === "containers" && word) return { view: "container", name: `/${word}`, query };
  if ((first === "docker" || first === "podman") && !query.has("runtime")) query.set("runtime", first);
  const asked = query.get("view") ?? "";
  return { view: VIEWS.includes(asked) ? (asked as View) : "overview", name: "/", query };
}

export const place = signal<Place>(read(location));

/** The address of a view. */
export function to(view: View, query: Record<string, string> = {}): string {
  const params = new URLSearchParams(view === "overview" ? {} : { view });
  for (const [key, value] of Object.entries(query)) if (value) params.set(key, value);
  const text = params.toString();
  return `${BASE}containers/${text && `?${text}`}`;
}

/** The address of a container; of the machine, for the root. */
export const toContainer = (name: string): string =>
  name === "/" ? to("machine") : `${BASE}containers${escaped(name)}`;

export function go(href: string): void {
  history.pushState(null, "", href);
  place.value = read(location);
  scrollTo(0, 0);
  document.getElementById("main")?.focus({ preventScroll: true });
}

/** Changes the query of this view without a step in the history. */
export function ask(change: Record<string, string>): void {
  const query = new URLSearchParams(place.peek().query);
  for (const [key, value] of Object.entries(change)) value ? query.set(key, value) : query.delete(key);
  const text = query.toString();
  // `/docker/` says its runtime by itself; with another one it is an overview like any
  const path = place.peek().view === "overview" ? `${BASE}containers/` : location.pathname;
  history.replaceState(history.state, "", path + (text && `?${text}`));
  place.value = { ...place.peek(), query };
}

export function start(): void {
  addEventListener("popstate", () => {
    place.value = read(location);
  });
  // links stay links: with a modifier, in another tab, by a screen reader
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const anchor = (event.target as Element).closest?.("a");
    if (!anchor || anchor.target || anchor.hasAttribute("download") || anchor.origin !== location.origin) return;
    const path = anchor.pathname;
    if (!path.startsWith(`${BASE}containers/`) && !path.startsWith(`${BASE}docker/`) && !path.startsWith(`${BASE}podman/`)) return;
    if (anchor.hash) return;
    event.preventDefault();
    go(anchor.href);
  });
}
