// What happened to containers: what is kept, then what comes.

import { useEffect, useState } from "preact/hooks";
import { api, ask, escaped, reason } from "./base";
import { Empty } from "./parts";
import { ask as change, place, toContainer } from "./route";
import { called } from "./store";
import type { Event } from "./types";
import { bytes, clock, count } from "./units";
import type { Moment } from "./chart";

const KINDS: Record<string, [string, boolean]> = {
  containerCreation: ["started", false],
  containerDeletion: ["ended", false],
  oom: ["out of memory", true],
  oomKill: ["OOM-killed", true],
};

const MOST = 2000;

export const kindOf = (event: Event): string => KINDS[event.event_type]?.[0] ?? event.event_type;
export const isBad = (event: Event): boolean => KINDS[event.event_type]?.[1] ?? false;

export const moments = (events: Event[]): Moment[] =>
  events.map((event) => ({ at: Date.parse(event.timestamp) / 1000, text: kindOf(event), bad: isBad(event) }));

/** The answer is a JSON object after the other, with or without ends of lines between. */
async function follow(path: string, stop: AbortSignal, told: (event: Event) => void): Promise<void> {
  const answer = await fetch(api(path), { signal: stop });
  if (!answer.ok || !answer.body) throw new Error(answer.statusText);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (kept + value).split("\n");
    kept = lines.pop() ?? "";
    for (const line of lines) if (line.trim()) told(JSON.parse(line) as Event);
  }
}

export interface Told {
  events: Event[];
  fault: string;
  loaded: boolean;
}

/** The events of a container and below it, newest first; of all for `/`. */
export function useEvents(name: string, below: boolean): Told {
  const [told, setTold] = useState<Told>({ events: [], fault: "", loaded: false });
  useEffect(() => {
    setTold({ events: [], fault: "", loaded: false });
    const path = `v1.3/events${name === "/" ? "/" : escaped(name)}?all_events=true${below ? "&subcontainers=true" : ""}`;
    let stop = new AbortController();
    let timer = 0;
    const key = (event: Event): string => `${event.timestamp} ${event.event_type} ${event.container_name}`;
    const open = async (): Promise<void> => {
      stop = new AbortController();
      const { signal } = stop;
      try {
        // the stream first, so that nothing falls between
        const stream = follow(`${path}&stream=true`, signal, (event) =>
          setTold((old) => (old.events.some((one) => key(one) === key(event)) ? old : { ...old, events: [event, ...old.events].slice(0, MOST) })));
        stream.catch(() => undefined);
        const past = await ask<Event[] | null>(`${path}&max_events=${MOST}`, signal);
        setTold((old) => {
          const seen = new Set(old.events.map(key));
          const all = [...old.events, ...(past ?? []).filter((event) => !seen.has(key(event)))];
          all.sort((a, b) => (a.timestamp < b.timestamp ? 1 : -1));
          return { events: all.slice(0, MOST), fault: "", loaded: true };
        });
        await stream;
        throw new Error("the stream ended");
      } catch (error) {
        if (signal.aborted) return;
        setTold((old) => (old.loaded ? old : { ...old, fault: reason(error) }));
        timer = window.setTimeout(() => void open(), 3000);
      }
    };
    const seen = (): void => {
      clearTimeout(timer);
      stop.abort();
      if (!document.hidden) void open();
    };
    void open();
    document.addEventListener("visibilitychange", seen);
    return () => {
      document.removeEventListener("visibilitychange", seen);
      clearTimeout(timer);
      stop.abort();
    };
  }, [name, below]);
  return told;
}

/** What an event tells besides its kind: how a container ended, what was killed. */
function detail(event: Event): string {
  const parts: string[] = [];
  for (const told of Object.values(event.event_data ?? {})) {
    for (const [key, value] of Object.entries(told ?? {})) {
      // of a plain cgroup nobody knows it
      if (key === "exit_code" && value === -1) continue;
      if (value === null || typeof value === "object" || value === "") continue;
      const text = /bytes|memory|rss/i.test(key) && typeof value === "number" ? bytes(value) : String(value);
      parts.push(`${key.replace(/_/g, " ")} ${text}`);
    }
  }
  return parts.join(", ");
}

export function EventList({ events, names }: { events: Event[]; names: boolean }) {
  return (
    <ol class="events">
      {events.map((event, n) => (
        <li key={`${event.timestamp} ${event.event_type} ${event.container_name} ${events.length - n}`} class={isBad(event) ? "bad" : ""}>
          <time dateTime={event.timestamp}>{clock(event.timestamp)}</time>
          <b class={isBad(event) ? "s3" : ""}>{kindOf(event)}</b>
          {names && <span class="clip"><a href={toContainer(event.container_name)} title={event.container_name}>{called(event.container_name)}</a></span>}
          <span class="soft clip" title={detail(event)}>{detail(event)}</span>
        </li>
      ))}
    </ol>
  );
}

const SHOWN = 200;

export function Events() {
  const { events, fault, loaded } = useEvents("/", true);
  const query = place.value.query;
  const [text, kind] = [query.get("q") ?? "", query.get("kind") ?? ""];
  const [most, setMost] = useState(SHOWN);
  const wanted = text.toLowerCase();
  // each time anew: names come with the overview, perhaps after the events
  const shown = events.filter((event) =>
    (!kind || event.event_type === kind) && (!wanted || `${event.container_name}\n${called(event.container_name)}\n${kindOf(event)}\n${detail(event)}`.toLowerCase().includes(wanted)));
  return (
    <>
      <h1>Events</h1>
      <form class="tools open" role="search" onSubmit={(event) => event.preventDefault()}>
        <label class="search">
          <span class="sr">Search events</span>
          <input id="search" type="search" placeholder="Search  /" value={text} autocomplete="off" spellcheck={false} onInput={(event) => change({ q: event.currentTarget.value })} />
        </label>
        <label class="choice">
          <select aria-label="Kind" title="Kind" value={kind} onChange={(event) => change({ kind: event.currentTarget.value })}>
            <option value="">any kind</option>
            {Object.entries(KINDS).map(([key, [name]]) => <option key={key} value={key}>{name}</option>)}
          </select>
        </label>
        <span class="shown" role="status">{loaded && `${count(shown.length)} of ${count(events.length)} kept events`}</span>
      </form>
      {fault ? <Empty title="The events cannot be read" tone="bad"><p>{fault}</p></Empty>
        : loaded && !shown.length ? <Empty title={events.length ? "No event matches" : "Nothing has happened yet"}><p>{events.length ? "Try fewer words or any kind." : "Starts, ends and kills of containers appear here as they happen."}</p></Empty>
          : <EventList events={shown.slice(0, most)} names />}
      {shown.length > most && <button type="button" onClick={() => setMost(most + SHOWN * 2)}>Show older</button>}
    </>
  );
}
