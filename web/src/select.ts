// Which rows are shown, in which order and in which groups.

import type { Row } from "./types";

export interface Wanted {
  text: string;
  runtime: string;
  state: string;
  pod: string;
  label: string;
  scope: string;
}

export type Key =
  | "severity" | "title" | "runtime" | "image" | "state" | "cpu" | "memory" | "net" | "io"
  | "throttled" | "pressure" | "restarts" | "ooms" | "created";

/** systemd's units are services, a group without a runtime is only a group. */
export const isContainer = (row: Row): boolean => row.runtime !== "" && row.runtime !== "systemd";

/** What people search in. */
const haystack = (row: Row): string =>
  [row.title, row.name, row.image, row.pod, row.namespace, row.compose, row.runtime, row.state]
    .filter(Boolean).join("\n").toLowerCase();

const texts = new WeakMap<Row, string>();
function textOf(row: Row): string {
  let text = texts.get(row);
  if (text === undefined) texts.set(row, (text = haystack(row)));
  return text;
}

/** `key=value`, `key`, or part of either. */
function hasLabel(row: Row, wanted: string): boolean {
  const all = Object.entries(row.labels ?? {});
  const cut = wanted.indexOf("=");
  if (cut > 0) {
    const [key, value] = [wanted.slice(0, cut), wanted.slice(cut + 1)];
    return all.some(([k, v]) => k === key && v.startsWith(value));
  }
  return all.some(([k, v]) => k.includes(wanted) || v.includes(wanted));
}

export function matches(row: Row, wanted: Wanted): boolean {
  if (wanted.scope === "containers" && !isContainer(row)) return false;
  if (wanted.scope === "services" && row.runtime !== "systemd") return false;
  if (wanted.runtime && row.runtime !== wanted.runtime) return false;
  if (wanted.state && (row.state ?? "") !== wanted.state) return false;
  if (wanted.pod && podOf(row) !== wanted.pod) return false;
  if (wanted.label && !hasLabel(row, wanted.label)) return false;
  return wanted.text.toLowerCase().split(/\s+/).every((word) => {
    if (!word) return true;
    if (word.startsWith("label:")) return hasLabel(row, word.slice(6));
    return textOf(row).includes(word);
  });
}

export const podOf = (row: Row): string => (row.pod ? (row.namespace ? `${row.namespace}/${row.pod}` : row.pod) : "");

/** The pressure that hurts most. */
export function worst(row: Pick<Row, "pressure">): [string, number] | undefined {
  const { cpu, memory, io } = row.pressure ?? {};
  let found: [string, number] | undefined;
  for (const [name, value] of [["cpu", cpu], ["memory", memory], ["io", io]] as const) {
    if (value !== undefined && (!found || value > found[1])) found = [name, value];
  }
  return found;
}

const sum = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);

type Sortable = number | string | undefined;

const VALUES: Record<Key, (row: Row) => Sortable> = {
  severity: (row) => row.severity ?? 0,
  title: (row) => row.title.toLowerCase(),
  runtime: (row) => row.runtime,
  image: (row) => row.image,
  state: (row) => row.state,
  cpu: (row) => row.cpu,
  memory: (row) => row.memory,
  net: (row) => sum(row.rx, row.tx),
  io: (row) => sum(row.read, row.write),
  throttled: (row) => row.throttled,
  pressure: (row) => worst(row)?.[1],
  restarts: (row) => row.restarts,
  ooms: (row) => row.ooms,
  created: (row) => row.started ?? row.created,
};

/** What is absent stands last in either direction. */
function compare(a: Sortable, b: Sortable, down: boolean): number {
  const [none, other] = [a === undefined || a === "", b === undefined || b === ""];
  if (none || other) return none === other ? 0 : none ? 1 : -1;
  const order = a! < b! ? -1 : a! > b! ? 1 : 0;
  return down ? -order : order;
}

export function sorted(rows: Row[], key: Key, down: boolean): Row[] {
  const value = VALUES[key] ?? VALUES.severity;
  return rows.sort((a, b) => {
    const first = compare(value(a), value(b), down);
    if (first) return first;
    if (key === "severity") {
      const then = compare(a.load_line, b.load_line, true) || compare(a.cpu, b.cpu, true);
      if (then) return then;
    }
    return a.name < b.name ? -1 : 1;
  });
}

/** A line of the table. */
export type Line =
  | { kind: "row"; row: Row; depth: number; children?: number; open?: boolean }
  | { kind: "group"; key: string; title: string; rows: number; cpu: number; memory: number; severity: number; open: boolean };

const NONE: Record<string, string> = {
  pod: "no pod", compose: "no compose project", slice: "no slice", image: "no image told", runtime: "no runtime",
};

export function grouped(rows: Row[], by: string, closed: ReadonlySet<string>): Line[] {
  const keyOf = (row: Row): string =>
    (by === "pod" ? podOf(row) : by === "compose" ? row.compose : by === "slice" ? row.slice : by === "image" ? row.image : row.runtime) ?? "";
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  // groups stand in the order of their first row; those without a name come last
  const order = [...groups].sort(([a], [b]) => Number(a === "") - Number(b === ""));
  return order.flatMap(([key, members]): Line[] => {
    const open = !closed.has(key);
    const head: Line = {
      kind: "group", key, title: key || (NONE[by] ?? "others"), rows: members.length, open,
      cpu: members.reduce((all, row) => all + (row.cpu ?? 0), 0),
      memory: members.reduce((all, row) => all + (row.memory ?? 0), 0),
      severity: Math.max(...members.map((row) => row.severity ?? 0)),
    };
    return open ? [head, ...members.map((row): Line => ({ kind: "row", row, depth: 0 }))] : [head];
  });
}

/** The cgroups as a tree: what matches and what leads there, brothers in the order asked for. */
export function tree(all: ReadonlyMap<string, Row>, wanted: (row: Row) => boolean, key: Key, down: boolean, closed: ReadonlySet<string>): Line[] {
  const shown = new Set<string>();
  for (const row of all.values()) {
    if (!wanted(row)) continue;
    for (let name: string | undefined = row.name; name && !shown.has(name); name = all.get(name)?.parent) shown.add(name);
  }
  const below = new Map<string, Row[]>();
  const tops: Row[] = [];
  for (const name of shown) {
    const row = all.get(name);
    if (!row) continue;
    const parent = row.parent && row.parent !== row.name && shown.has(row.parent) && all.has(row.parent) ? row.parent : undefined;
    if (parent === undefined) tops.push(row);
    else if (below.has(parent)) below.get(parent)!.push(row);
    else below.set(parent, [row]);
  }
  const lines: Line[] = [];
  const walk = (brothers: Row[], depth: number): void => {
    for (const row of sorted(brothers, key, down)) {
      const children = below.get(row.name);
      const open = !closed.has(row.name);
      lines.push({ kind: "row", row, depth, children: children?.length ?? 0, open });
      if (children && open) walk(children, depth + 1);
    }
  };
  walk(tops, 0);
  return lines;
}
