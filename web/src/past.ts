// The kept past of one container, and what is added to it.

import { signal, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask, reason } from "./base";
import { at as tick } from "./store";
import type { Column } from "./types";

export interface Past {
  at: number[];
  columns: Record<string, Column>;
  /** One for each CPU. */
  cpus: Column[];
}

interface Told {
  at: number[];
  columns: Record<string, Column | Column[]>;
}

/** More than the program keeps by default; a page that is open for a day stays bounded. */
const MOST = 1800;

function read(told: Told): Past {
  const { cpus, ...columns } = told.columns;
  return { at: told.at, columns: columns as Record<string, Column>, cpus: (cpus as Column[] | undefined) ?? [] };
}

const nothing = (n: number): Column => Array<null>(n).fill(null);
const cut = <T>(of: T[]): T[] => (of.length > MOST ? of.slice(of.length - MOST) : of);

/** Seconds: nothing is sampled less often, so that longer ones are a gap, as while the program did not run. */
const SILENCE = 90;

/** The old with what is newer; a column that one of them has not is a gap there. */
export function joined(old: Past, news: Past): Past {
  const newest = old.at[old.at.length - 1] ?? 0;
  const from = news.at.findIndex((at) => at > newest + 1e-6);
  if (from < 0) return old;
  const added = news.at.length - from;
  const gap = old.at.length && (news.at[from] as number) - newest > SILENCE ? [newest + 1] : [];
  const join = (a: Column | undefined, b: Column | undefined): Column =>
    cut([...(a ?? nothing(old.at.length)), ...nothing(gap.length), ...(b?.slice(from) ?? nothing(added))]);
  const keys = new Set([...Object.keys(old.columns), ...Object.keys(news.columns)]);
  return {
    at: cut([...old.at, ...gap, ...news.at.slice(from)]),
    columns: Object.fromEntries([...keys].map((key) => [key, join(old.columns[key], news.columns[key])])),
    cpus: Array.from({ length: Math.max(old.cpus.length, news.cpus.length) }, (_, n) => join(old.cpus[n], news.cpus[n])),
  };
}

export interface Kept {
  past: Signal<Past | undefined>;
  fault: Signal<string>;
}

/** The old with what has been kept since. */
async function longer(name: string, old: Past | undefined, stop: AbortSignal): Promise<Past> {
  const newest = old?.at[old.at.length - 1];
  const since = newest === undefined ? "" : `&since=${encodeURIComponent(new Date(newest * 1000).toISOString())}`;
  const told = read(await ask<Told>(`plimsoll/v1/series?name=${encodeURIComponent(name)}&points=600${since}`, stop));
  return old ? joined(old, told) : told;
}

/** Follows a container's past while the view is there: what is new is fetched when the overview has moved. */
export function usePast(name: string): Kept {
  const kept = useRef<Kept | undefined>(undefined);
  kept.current ??= { past: signal(undefined), fault: signal("") };
  const { past, fault } = kept.current;
  useEffect(() => {
    past.value = undefined;
    fault.value = "";
    const stop = new AbortController();
    let busy = false;
    const more = async (): Promise<void> => {
      if (busy) return;
      busy = true;
      try {
        const told = await longer(name, past.peek(), stop.signal);
        if (stop.signal.aborted) return;
        past.value = told;
        fault.value = "";
      } catch (error) {
        if (!stop.signal.aborted) fault.value = reason(error);
      } finally {
        busy = false;
      }
    };
    // the first value comes at once
    const unsubscribe = tick.subscribe(() => void more());
    return () => {
      stop.abort();
      unsubscribe();
    };
  }, [name]);
  return kept.current;
}

/** So many milliseconds apart several pasts are asked for. */
const PACE = 5000;

/** Follows several at a slower pace. One that cannot be had stays as it was. */
export function usePasts(names: readonly string[]): Signal<ReadonlyMap<string, Past>> {
  const kept = useRef<Signal<ReadonlyMap<string, Past>> | undefined>(undefined);
  kept.current ??= signal(new Map());
  const pasts = kept.current;
  useEffect(() => {
    const stop = new AbortController();
    let [busy, before] = [false, -Infinity];
    const more = async (): Promise<void> => {
      if (!names.length || busy || performance.now() - before < PACE) return;
      [busy, before] = [true, performance.now()];
      const old = pasts.peek();
      const told = await Promise.all(names.map((name) => longer(name, old.get(name), stop.signal).catch(() => old.get(name))));
      busy = false;
      if (stop.signal.aborted) return;
      pasts.value = new Map(names.flatMap((name, n): [string, Past][] => (told[n] ? [[name, told[n]]] : [])));
    };
    const unsubscribe = tick.subscribe(() => void more());
    return () => {
      stop.abort();
      unsubscribe();
    };
  }, [names.join("\n")]);
  return pasts;
}
