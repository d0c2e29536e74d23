// What is wrong with a container or the machine, what that means, and what to do about it.

import { useEffect, useState } from "preact/hooks";
import { ask } from "./base";
import { Degree } from "./parts";
import { toContainer } from "./route";
import { at, rows } from "./store";
import type { Advice } from "./types";
import { share } from "./units";

/** Milliseconds after which who has a part in it may have changed. */
const AGAIN = 6000;

/** A share that is worth a word. */
const LEAST = 0.05;

/** By the kind of what is wrong; asked for while something is. */
function useAdvice(name: string, kinds: string): ReadonlyMap<string, Advice> {
  const [told, setTold] = useState<ReadonlyMap<string, Advice>>(new Map());
  useEffect(() => {
    setTold(new Map());
    if (!kinds) return undefined;
    const stop = new AbortController();
    let [busy, before] = [false, -Infinity];
    const more = async (): Promise<void> => {
      if (busy || performance.now() - before < AGAIN) return;
      [busy, before] = [true, performance.now()];
      // without an answer there is still what is wrong
      const all = await ask<Advice[]>(`plimsoll/v1/advice?name=${encodeURIComponent(name)}`, stop.signal).catch(() => undefined);
      busy = false;
      if (all && !stop.signal.aborted) setTold(new Map(all.map((one) => [one.kind, one])));
    };
    const unsubscribe = at.subscribe(() => void more());
    return () => {
      stop.abort();
      unsubscribe();
    };
  }, [name, kinds]);
  return told;
}

/** All that is wrong, the worst first; nothing where all is well. */
export function Breaches({ name, label }: { name: string; label: string }) {
  const breaches = rows.value.get(name)?.breaches ?? [];
  const advice = useAdvice(name, [...new Set(breaches.map((breach) => breach.kind))].sort().join());
  if (!breaches.length) return null;
  return (
    <ul class="breaches" aria-label={label}>
      {breaches.map((breach, n) => (
        <li key={`${breach.kind} ${n}`}>
          <p class={`s${breach.severity}`}><Degree severity={breach.severity} /> {breach.text}</p>
          {/* two disks are full for the same reasons */}
          {breaches.findIndex((one) => one.kind === breach.kind) === n && <What of={advice.get(breach.kind)} name={name} />}
        </li>
      ))}
    </ul>
  );
}

function What({ of, name }: { of: Advice | undefined; name: string }) {
  if (!of?.means) return null;
  // processes outside of containers, and small ones together
  const rest = 1 - (of.users ?? []).reduce((sum, user) => sum + user.share, 0);
  return (
    <div class="todo">
      <p>{of.means}</p>
      {!!of.users?.length && (
        <p>
          Most {of.short_of} now:{" "}
          {of.users.map((user, n) => (
            <span key={user.name}>{n > 0 && ", "}{user.name === name ? "this one" : <a href={toContainer(user.name)}>{user.title}</a>} <b>{share(user.share)}</b></span>
          ))}
          {rest >= LEAST && <>, all else <b>{share(rest)}</b></>}
        </p>
      )}
      <p><b>What helps:</b> {of.remedy}</p>
      {of.command && <p><code title="for a shell; a click selects all">{of.command}</code></p>}
    </div>
  );
}
