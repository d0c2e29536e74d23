// Who used it: what the largest of a group's members took over the kept past, one on the other.

import { useEffect, useState } from "preact/hooks";
import { Chart, type Line } from "./chart";
import { CORE_COLORS } from "./charts";
import { type Past, usePasts } from "./past";
import { toContainer } from "./route";
import { rows } from "./store";
import type { Column, Row } from "./types";
import { bytes, rate, short } from "./units";

/** As many as there are colours that can be told apart; grey is for all others. */
const COLORS = CORE_COLORS.filter((color) => color !== "c4");
/** Milliseconds after which others may have grown. */
const AGAIN = 15_000;
/** Seconds: nothing is sampled less often. */
const APART = 90;
const JITTER = 5;

/** Who shares what a group has: whom a runtime knows, not those inside one of these; else the groups right below. */
export function members(all: ReadonlyMap<string, Row>, group: string): Row[] {
  const owned: Row[] = [];
  const below: Row[] = [];
  for (const row of all.values()) {
    if (row.name === group) continue;
    if (row.parent === group) below.push(row);
    if (!row.runtime) continue;
    let above = row.parent ? all.get(row.parent) : undefined;
    while (above && above.name !== group && !above.runtime) above = above.parent && above.parent !== above.name ? all.get(above.parent) : undefined;
    if (above?.name === group) owned.push(row);
  }
  return owned.length ? owned : below;
}

/** The largest by the part that they have of any one thing. Who is followed stays while it is nearly as large. */
export function largest(of: Row[], before: readonly string[], most: number): string[] {
  const mean = (line: (number | null)[] | undefined, now: number | undefined): number => {
    const all = (line ?? []).filter((value): value is number => value !== null);
    return all.length ? all.reduce((a, b) => a + b, 0) / all.length : (now ?? 0);
  };
  const uses = of.map((row) => [mean(row.spark?.cpu, row.cpu), mean(row.spark?.memory, row.memory), (row.rx ?? 0) + (row.tx ?? 0), (row.read ?? 0) + (row.write ?? 0)]);
  const sums = [0, 1, 2, 3].map((kind) => uses.reduce((sum, use) => sum + (use[kind] as number), 0) || 1);
  // of CPU and memory all speak; what goes over network and disk for a moment counts half
  const size = (use: number[]): number => Math.max(...use.map((value, kind) => (value / (sums[kind] as number)) * (kind < 2 ? 1 : 0.5)));
  const order = of.map((row, n): [string, number] => [row.name, size(uses[n] as number[])]).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([name]) => name);
  const near = new Set(order.slice(0, most + 3));
  const stay = before.filter((name) => near.has(name));
  return [...stay, ...order.filter((name) => !stay.includes(name))].slice(0, most);
}

/** A column at other instants. A rate is of the time before its sample, so that the next one counts; before the first
 *  sample and in a long silence there is none. */
export function aligned(at: readonly number[], from: readonly number[], column: Column): Column {
  const told = from.flatMap((instant, n): [number, number][] => (column[n] == null ? [] : [[instant, column[n] as number]]));
  let next = 0;
  return at.map((instant) => {
    while (next < told.length && (told[next] as [number, number])[0] < instant) next += 1;
    const [before, after] = [told[next - 1], told[next]];
    // all are sampled at moments of their own: the first of each may be a little later
    if (!before) return after && after[0] - instant <= JITTER ? after[1] : null;
    if (!after) return instant - before[0] <= APART ? before[1] : null;
    return after[0] - before[0] <= APART || after[0] === instant ? after[1] : null;
  });
}

const sum = (of: Column[], length: number): Column =>
  Array.from({ length }, (_, i) => of.reduce<number | null>((all, column) => (column[i] == null ? all : (all ?? 0) + (column[i] as number)), null));

interface Kind {
  title: string;
  about: string;
  columns: string[];
  show: (value: number) => string;
  binary?: boolean;
}

const KINDS: Kind[] = [
  { title: "Who uses CPU, cores", columns: ["cpu"], show: short, about: "CPU time of the largest, one on the other; grey is everything else. Point at a moment to see what each had, follow a name to see why." },
  { title: "Who uses memory", columns: ["memory"], show: bytes, binary: true, about: "Working sets of the largest, one on the other; grey is everything else." },
  { title: "Who uses the network", columns: ["rx", "tx"], show: rate, binary: true, about: "Bytes in and out together. With the host’s network a container has no numbers of its own and is in the grey." },
  { title: "Who uses disks", columns: ["read", "write"], show: rate, binary: true, about: "Bytes read and written together, as they reached the disks." },
];

export function Shares({ name, whole }: { name: string; whole: Past | undefined }) {
  const [followed, setFollowed] = useState<string[]>([]);
  const present = rows.value.size > 0;
  useEffect(() => {
    const choose = (): void => {
      const of = members(rows.peek(), name);
      setFollowed((old) => (of.length > 1 ? largest(of, old, COLORS.length) : []));
    };
    choose();
    const timer = setInterval(choose, AGAIN);
    return () => clearInterval(timer);
  }, [name, present]);
  const pasts = usePasts(followed).value;
  if (!whole || whole.at.length < 2 || followed.length < 2) return null;
  const titles = followed.map((one) => rows.value.get(one)?.title ?? one);
  const charts = KINDS.flatMap((kind) => {
    const of = (past: Past, at: readonly number[]): Column => sum(kind.columns.flatMap((key) => (past.columns[key] ? [aligned(at, past.at, past.columns[key])] : [])), at.length);
    const total = of(whole, whole.at);
    const all = followed.flatMap((one, n) => {
      const past = pasts.get(one);
      const own = past && of(past, whole.at);
      return own?.some((value) => (value ?? 0) > 0) ? [{ one, own, title: titles[n] as string, color: COLORS[n] as string }] : [];
    });
    if (!all.length) return [];
    const known = sum(all.map(({ own }) => own), whole.at.length);
    const rest = total.map((value, i) => (value === null ? null : Math.max(0, value - (known[i] ?? 0))));
    // the lowest first; the chart draws what lies on top before what lies below
    let below: Column = whole.at.map(() => 0);
    const lines: Line[] = [...all.map(({ one, own, title, color }): Omit<Line, "data"> & { own: Column } => ({ label: title, own, color, href: toContainer(one) })), { label: "everything else", own: rest, color: "c4" }].map((line) => {
      const data = line.own.map((value, i) => (total[i] == null ? null : (below[i] ?? 0) + (value ?? 0)));
      below = data.map((value) => value ?? 0);
      return { ...line, data, fill: true };
    });
    return [<Chart key={kind.title} title={kind.title} about={kind.about} at={whole.at} lines={lines.reverse()} show={kind.show} {...(kind.binary ? { binary: true } : {})} />];
  });
  if (!charts.length) return null;
  return (
    <section>
      <h2>Who uses it</h2>
      <div class="charts two">{charts}</div>
    </section>
  );
}
