// Containers that have ended badly and do not run now: one that falls over again and again is in no table meanwhile.

import { effect, signal } from "@preact/signals";
import { ask } from "./base";
import { Degree } from "./parts";
import { toContainer } from "./route";
import { at, called, parted, remember, rows } from "./store";
import type { Ended } from "./types";
import { age, many } from "./units";

/** Milliseconds between two looks at least. */
const AGAIN = 10_000;
/** Milliseconds that an end is news. */
const LATELY = 3_600_000;
/** So many are named. */
const NAMED = 4;
/** Ends that somebody asked for: all is well, Ctrl-C, a stop that was obeyed or that was not; -1 is not known. */
const ASKED = [-1, 0, 130, 137, 143];

const WORDS: Record<number, string> = {
  126: "its command cannot be run", 127: "its command was not found", 134: "it gave up (abort)", 137: "it was killed", 139: "it crashed (segmentation fault)", 143: "it was asked to end",
};

/** How it ended, in words; empty where nobody knows. */
export function ending({ exit_code: code, oom_killed: oom }: Pick<Ended, "exit_code" | "oom_killed">): string {
  if (oom) return "killed for want of memory";
  if (code === undefined || code < 0) return "";
  return `exit code ${code}${WORDS[code] ? `: ${WORDS[code]}` : ""}`;
}

/** A command that shows what it wrote last, where one runtime alone can be meant. */
export function logOf({ namespace, id }: Ended): string {
  return (namespace === "docker" || namespace === "podman") && /^[0-9a-f]{12,64}$/.test(id ?? "") ? `${namespace} logs --tail 50 ${id?.slice(0, 12)}` : "";
}

const ends = signal<readonly Ended[]>([]);

export function start(): void {
  let [before, timer] = [-Infinity, 0];
  const look = (): void => {
    timer = 0;
    before = performance.now();
    ask<Ended[]>("plimsoll/v1/ended").then((all) => {
      for (const one of all) if (one.aliases?.[0]) remember(one.name, one.aliases[0]);
      ends.value = all;
    }, () => undefined);
  };
  effect(() => {
    void parted.value;
    timer ||= window.setTimeout(look, Math.max(0, before + AGAIN - performance.now()));
  });
}

/** By name: the last end, and how many there were lately. */
function fallen(now: number): { last: Ended; times: number }[] {
  const found = new Map<string, { last: Ended; times: number }>();
  for (const one of ends.value) {
    const bad = one.oom_killed || (one.exit_code !== undefined && !ASKED.includes(one.exit_code));
    if (!bad || now - Date.parse(one.ended_at) > LATELY || rows.value.has(one.name)) continue;
    found.set(one.name, { last: one, times: (found.get(one.name)?.times ?? 0) + 1 });
  }
  return [...found.values()].sort((a, b) => b.times - a.times || (a.last.ended_at < b.last.ended_at ? 1 : -1));
}

export function Fallen() {
  const now = Date.parse(at.value);
  const all = fallen(now);
  if (!all.length) return null;
  return (
    <ul class="breaches ills" aria-label="Ended and not running">
      {all.slice(0, NAMED).map(({ last, times }) => {
        const severity = times > 2 || last.oom_killed ? 3 : 2;
        return (
          <li key={last.name} class={`s${severity}`}>
            <Degree severity={severity} /> <a href={toContainer(last.name)}>{called(last.name)}</a> is not running: ended {times > 1 ? `${times} times in the last hour, last ` : ""}{age(last.ended_at, now)} ago, {ending(last)}
          </li>
        );
      })}
      {all.length > NAMED && <li class="soft">and {many(all.length - NAMED, "other")}</li>}
    </ul>
  );
}
