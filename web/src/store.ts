// The containers as they are now: one connection, whole first and then what changes.

import { batch, effect, signal } from "@preact/signals";
import { api, ask, reason } from "./base";
import { settings } from "./settings";
import type { Delta, Machine, Overview, Row, Runtime, Spark } from "./types";

export type Link = "connecting" | "live" | "paused" | "lost";

const INTERVAL = 2;
/** So many numbers a sparkline has. */
const SPARK = 30;

export const rows = signal<ReadonlyMap<string, Row>>(new Map());
export const machine = signal<Machine | undefined>(undefined);
export const runtimes = signal<readonly Runtime[]>([]);
export const version = signal("");
/** When the numbers were taken, in the machine's own time. */
export const at = signal("");
export const link = signal<Link>("connecting");
/** Why there is nothing to show, when there is nothing. */
export const fault = signal("");
/** Whether the whole has come at least once. */
export const known = signal(false);

/** Counts when rows may have gone. */
export const parted = signal(0);

/** Counts when somebody is remembered. */
const told = signal(0);

/** What rows were called, for the events of those that are gone. */
const titles = new Map<string, string>();

/** Tells what one is called that no row names. */
export function remember(name: string, title: string): void {
  if (titles.has(name)) return;
  titles.set(name, title);
  told.value += 1;
}

function named(all: Iterable<Row>): void {
  for (const { name, title } of all) {
    titles.delete(name);
    titles.set(name, title);
  }
  // the oldest are forgotten: a page may be open for weeks
  for (const name of titles.keys()) {
    if (titles.size <= 5000) break;
    titles.delete(name);
  }
}

/** What people call it; the short form of an id for one that was never seen. */
export function called(name: string): string {
  void told.value;
  const title = rows.value.get(name)?.title ?? titles.get(name);
  if (title) return title;
  const last = name.slice(name.lastIndexOf("/") + 1);
  return /^[0-9a-f]{64}$/.test(last) ? last.slice(0, 12) : last.length < name.length - 1 ? name : last || name;
}

function whole(told: Overview): void {
  named(told.rows);
  batch(() => {
    rows.value = new Map(told.rows.map((row) => [row.name, row]));
    machine.value = told.machine;
    runtimes.value = told.runtimes ?? [];
    version.value = told.version;
    at.value = told.at;
    known.value = true;
    parted.value += 1;
    fault.value = "";
    link.value = "live";
  });
}

type Last = { cpu?: number | null; memory?: number | null };

/** The sparkline with one number more; without a new one the last once more. */
function longer(spark: Spark | undefined, last: Last | undefined): Spark {
  const with_ = (kept: (number | null)[] = [], next: number | null | undefined): (number | null)[] =>
    [...kept, next === undefined ? (kept[kept.length - 1] ?? null) : next].slice(-SPARK);
  return { cpu: with_(spark?.cpu, last?.cpu), memory: with_(spark?.memory, last?.memory) };
}

/** Whether the line would look the same: then the row need not be drawn again. */
const flat = (spark: Spark | undefined): boolean =>
  !!spark && [spark.cpu, spark.memory].every((line) => !line || line.every((value) => value === line[0]));

function without<T extends object>(from: T, fields: string[] | undefined): T {
  if (!fields) return from;
  const left = { ...from } as Record<string, unknown>;
  for (const field of fields) delete left[field];
  return left as T;
}

export function changed(told: Delta): void {
  const lost = told.lost ?? {};
  const next = new Map(rows.peek());
  const news = new Map((told.changed ?? []).map((row) => [row.name, row]));
  for (const name of told.gone ?? []) next.delete(name);
  for (const [name, row] of next) {
    const news_ = news.get(name);
    if (!news_) {
      if (lost[name] || !flat(row.spark)) {
        next.set(name, { ...without(row, lost[name]), spark: longer(row.spark, undefined) });
      }
      continue;
    }
    news.delete(name);
    const { spark, ...fields } = news_;
    next.set(name, { ...without(row, lost[name]), ...fields, spark: longer(row.spark, spark) } as Row);
  }
  for (const [name, { spark, ...fields }] of news) {
    next.set(name, { title: name, runtime: "", ...fields, spark: longer(undefined, spark) } as Row);
  }
  if (told.changed?.some((row) => row.title)) named(next.values());
  batch(() => {
    rows.value = next;
    const before = machine.peek();
    if (before) {
      const { spark, ...fields } = told.machine ?? {};
      machine.value = { ...without(before, lost[""]), ...fields, spark: longer(before.spark, spark) };
    }
    if (told.gone?.length) parted.value += 1;
    if (told.runtimes) runtimes.value = told.runtimes;
    at.value = told.at;
    link.value = "live";
  });
}

let source: EventSource | undefined;
let timer = 0;
let failures = 0;

function close(): void {
  source?.close();
  source = undefined;
  clearTimeout(timer);
}

const later = (what: () => void, seconds: number): void => {
  clearTimeout(timer);
  timer = window.setTimeout(what, seconds * 1000);
};

/** Silence that is longer than three rounds is said. */
const listened = (): void => later(broken, INTERVAL * 3 + 3);

function broken(): void {
  close();
  failures += 1;
  link.value = "lost";
  // once by a plain request: it tells why, and it works where a proxy holds streams back
  ask<Overview>("plimsoll/v1/overview").then(
    (told) => {
      whole(told);
      later(failures > 2 ? broken : open, INTERVAL);
    },
    (error: unknown) => {
      fault.value = reason(error);
      later(open, Math.min(1 + failures, 10));
    },
  );
}

function open(): void {
  close();
  if (document.hidden || settings.peek().paused) return;
  source = new EventSource(api(`plimsoll/v1/live?interval=${INTERVAL}s`));
  source.addEventListener("full", (event) => {
    failures = 0;
    whole(JSON.parse((event as MessageEvent<string>).data) as Overview);
    listened();
  });
  source.addEventListener("delta", (event) => {
    changed(JSON.parse((event as MessageEvent<string>).data) as Delta);
    listened();
  });
  source.onerror = broken;
  listened();
}

export function start(): void {
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  let paused: boolean | undefined;
  effect(() => {
    const now = settings.value.paused;
    if (now === paused) return;
    paused = now;
    if (now) {
      close();
      link.value = "paused";
      // what was never there is fetched once
      if (!known.peek()) ask<Overview>("plimsoll/v1/overview").then((told) => { whole(told); link.value = "paused"; }, (error: unknown) => { fault.value = reason(error); });
    } else {
      link.value = known.peek() ? "live" : "connecting";
      open();
    }
  });
}
