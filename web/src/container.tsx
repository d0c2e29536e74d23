// One container: what it uses, what limits it, who it is, what happened to it.

import { useEffect, useState } from "preact/hooks";
import { Breaches } from "./advice";
import { ask, escaped, reason } from "./base";
import { Charts } from "./charts";
import { ending, logOf } from "./ended";
import { EventList, moments, useEvents } from "./events";
import { usePast } from "./past";
import { Bar, Degree, Empty, Facts } from "./parts";
import { place, to, toContainer } from "./route";
import { isContainer, podOf } from "./select";
import { Shares } from "./shares";
import { at, fault, known, rows } from "./store";
import type { Ended, Process, Row } from "./types";
import { age, bytes, clock, count, many, percent, share, short } from "./units";

interface Spec {
  cpu?: { limit?: number; max_limit?: number; quota?: number; period?: number; mask?: string };
  memory?: { limit?: number; reservation?: number; swap_limit?: number };
  processes?: { limit?: number };
  image?: string;
  labels?: Record<string, string>;
  envs?: Record<string, string>;
  aliases?: string[];
  namespace?: string;
  creation_time?: string;
}

/** From here on a limit is none. */
const UNLIMITED = 2 ** 62;
const limited = (value: number | undefined): number | undefined => (value && value < UNLIMITED ? value : undefined);

/** The row that an alias means: its title, its id or the beginning of its id. */
function meant(all: ReadonlyMap<string, Row>, alias: { runtime: string; word: string }): Row | undefined {
  const of = [...all.values()].filter((row) => row.runtime === alias.runtime);
  return of.find((row) => row.title === alias.word || row.id === alias.word) ?? of.find((row) => row.id?.startsWith(alias.word));
}

export function Container() {
  const { name: asked, alias } = place.value;
  const all = rows.value;
  const row = alias ? meant(all, alias) : all.get(asked);
  const name = row?.name ?? asked;
  if (!name) {
    if (known.value) return <Gone name={alias?.word ?? ""} />;
    return fault.value ? <Empty whole title="No numbers yet" tone="bad"><p>{fault.value}</p></Empty> : null;
  }
  return <One key={name} name={name} row={row} />;
}

/** What is not here: how its last life ended, where that is still known. */
function Gone({ name }: { name: string }) {
  const [last, setLast] = useState<Ended>();
  useEffect(() => {
    const stop = new AbortController();
    ask<Ended[]>(`plimsoll/v1/ended?name=${encodeURIComponent(name)}`, stop.signal).then((all) => setLast(all.at(-1)), () => undefined);
    return () => stop.abort();
  }, [name]);
  const elsewhere = <p><a href={to("events", { q: name.split("/").pop() ?? "" })}>Its events</a> say more. Or see <a href={to("overview")}>all that is running</a>.</p>;
  if (!last) return <Empty whole title={`${name} is not running here`}>{elsewhere}</Empty>;
  const used = last.stats?.cpu?.usage?.total;
  const most = last.stats?.memory?.max_usage;
  return (
    <Empty whole title={`${last.aliases?.[0] ?? last.name} has ended`} tone={last.oom_killed ? "bad" : undefined}>
      <Facts of={[
        ["Ended", clock(last.ended_at)],
        ["How", ending({ ...last, oom_killed: false })],
        ["Killed for want of memory", last.oom_killed && Math.max(1, last.oom_events)],
        ["Image", last.spec.image],
        ["CPU time in all", used !== undefined && `${(used / 1e9).toFixed(3)} s`],
        ["Most memory", most ? bytes(most) : undefined],
      ]} />
      {logOf(last) && <p class="todo">What it wrote last: <code title="for a shell; a click selects all">{logOf(last)}</code></p>}
      {elsewhere}
    </Empty>
  );
}

/** What the row tells of limits is news: then the spec is asked for again. */
function useSpec(name: string, row: Row | undefined): Spec {
  const [spec, setSpec] = useState<Spec>({});
  useEffect(() => {
    const stop = new AbortController();
    ask<Record<string, Spec>>(`v2.1/spec${escaped(name)}`, stop.signal).then(
      (told) => setSpec(told[name] ?? Object.values(told)[0] ?? {}),
      () => undefined,
    );
    return () => stop.abort();
  }, [name, row?.cpu_limit, row?.memory_limit]);
  return spec;
}

function One({ name, row }: { name: string; row: Row | undefined }) {
  const kept = usePast(name);
  const spec = useSpec(name, row);
  const { events } = useEvents(name, false);
  useEffect(() => {
    document.title = `${row?.title ?? name} – Plimsoll`;
  }, [row?.title, name]);
  // it ended while we looked on: what was drawn stays
  const ended = known.value && !row;
  if (ended && !kept.past.value && kept.fault.value) return <Gone name={name} />;
  return (
    <>
      <Trail name={name} />
      <div class="head">
        <h1><Degree severity={row?.severity} /> {row?.title ?? name}</h1>
        <p class="under">
          {ended && <span class="s3">has ended</span>}
          {row?.runtime && <span>{row.runtime}</span>}
          {row?.image && <span>{row.image}</span>}
          {row?.state && <span>{row.state}</span>}
          {row?.health && row.health !== "none" && <span class={row.health === "unhealthy" ? "s3" : ""}>{row.health}</span>}
          {row && (row.started ?? row.created) && <span>up {age(row.started ?? row.created, Date.parse(at.value))}</span>}
        </p>
      </div>
      <Breaches name={name} label="Why it is marked" />
      {row && <Lines row={row} />}
      <h2 class="sr">The past</h2>
      <Charts kept={kept} name={name} moments={moments(events)} />
      <Shares name={name} whole={kept.past.value} />
      <Children name={name} />
      <Processes name={name} />
      <section>
        <h2>Events</h2>
        {events.length ? <EventList events={events.slice(0, 50)} names={false} /> : <p class="soft">None is kept.</p>}
      </section>
      <Limits spec={spec} row={row} />
      <Identity name={name} row={row} spec={spec} />
    </>
  );
}

/** How near to its limits it is now. */
function Lines({ row }: { row: Row }) {
  const lines: [string, string, number][] = [];
  if (row.cpu !== undefined && row.cpu_limit) lines.push(["CPU", `${short(row.cpu)} of ${short(row.cpu_limit)} cores`, row.cpu / row.cpu_limit]);
  if (row.memory !== undefined && row.memory_limit) lines.push(["Memory", `${bytes(row.memory)} of ${bytes(row.memory_limit)}`, row.memory / row.memory_limit]);
  if (!lines.length) return null;
  return (
    <dl class="lines">
      {lines.map(([what, text, part]) => (
        <div key={what}>
          <dt>{what}</dt>
          <dd>{text} <small>{share(part)}</small><Bar part={part} /></dd>
        </div>
      ))}
    </dl>
  );
}

function Trail({ name }: { name: string }) {
  const parts = name.split("/").filter(Boolean);
  return (
    <nav class="trail" aria-label="Cgroups above">
      <a href={to("overview")}>Overview</a>
      {parts.slice(0, -1).map((part, n) => {
        const path = `/${parts.slice(0, n + 1).join("/")}`;
        return <span key={path}> / <a href={toContainer(path)}>{rows.value.get(path)?.title ?? part}</a></span>;
      })}
    </nav>
  );
}

function Children({ name }: { name: string }) {
  const below = [...rows.value.values()].filter((row) => row.parent === name && row.name !== name);
  if (!below.length) return null;
  below.sort((a, b) => (b.cpu ?? 0) - (a.cpu ?? 0));
  return (
    <section>
      <h2>Groups below it <small>{count(below.length)}</small></h2>
      <ul class="children">
        {below.slice(0, 60).map((row) => (
          <li key={row.name}>
            <Degree severity={row.severity} />
            <a class="clip" href={toContainer(row.name)} title={row.name}>{row.title}</a>
            <span class="soft">{row.cpu !== undefined && `${short(row.cpu)} cores`} · {bytes(row.memory)}</span>
          </li>
        ))}
      </ul>
      {below.length > 60 && <p class="soft">and {many(below.length - 60, "group")} more: <a href={to("overview", { group: "tree" })}>the tree</a></p>}
    </section>
  );
}

type By = "pid" | "user" | "percent_cpu" | "rss" | "fd_count" | "cmd" | "running_time";

const HEADS: [By, string, boolean][] = [["pid", "PID", true], ["user", "User", false], ["percent_cpu", "CPU", true], ["rss", "Memory", true], ["fd_count", "Files", true], ["running_time", "CPU time", true], ["cmd", "Command", false]];

/** States that are worth a word, by the first letter that ps tells; of a program with threads it is the first one's. */
const STATES: Record<string, string> = { D: "waits for disk", T: "stopped", t: "traced", Z: "zombie" };

export function Processes({ name }: { name: string }) {
  const [told, setTold] = useState<Process[] | undefined>();
  const [trouble, setTrouble] = useState("");
  const [by, setBy] = useState<By>("percent_cpu");
  const [down, setDown] = useState(true);
  const [most, setMost] = useState(30);
  useEffect(() => {
    const stop = new AbortController();
    const look = (): void => {
      if (document.hidden) return;
      ask<Process[]>(`v2.1/ps${escaped(name)}`, stop.signal).then(
        (all) => { setTold(all ?? []); setTrouble(""); },
        (error: unknown) => { if (!stop.signal.aborted) setTrouble(reason(error)); },
      );
    };
    look();
    const timer = setInterval(look, 5000);
    return () => { stop.abort(); clearInterval(timer); };
  }, [name]);
  if (!told && !trouble) return null;
  const sorted = [...(told ?? [])].sort((a, b) => {
    const order = a[by] < b[by] ? -1 : a[by] > b[by] ? 1 : a.pid - b.pid;
    return down ? -order : order;
  });
  return (
    <section>
      <h2>Processes <small>{told && count(told.length)}</small></h2>
      {trouble && !told ? <p class="s3">{trouble}</p> : !sorted.length ? <p class="soft">None of its own.</p> : (
        <div class="wide">
          <table class="plain processes">
            <thead>
              <tr>{HEADS.map(([key, text, number]) => (
                <th key={key} scope="col" class={number ? "n" : "t"} aria-sort={by === key ? (down ? "descending" : "ascending") : undefined}>
                  <button type="button" onClick={() => (by === key ? setDown(!down) : (setBy(key), setDown(number && key !== "pid")))}>{text}<span class="order" aria-hidden="true">{by === key ? (down ? "↓" : "↑") : ""}</span></button>
                </th>))}
              </tr>
            </thead>
            <tbody>
              {sorted.slice(0, most).map((one) => (
                <tr key={one.pid}>
                  <td class="n">{one.pid}</td>
                  <td>{one.user}</td>
                  <td class="n">{percent(one.percent_cpu)}</td>
                  <td class="n">{bytes(one.rss)}</td>
                  <td class="n">{count(one.fd_count)}</td>
                  <td class="n">{one.running_time}</td>
                  <td class="command" title={one.cmd}>{STATES[one.status[0] ?? ""] && <b class="s2">{STATES[one.status[0] ?? ""]} · </b>}{one.cmd}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {sorted.length > most && <button type="button" onClick={() => setMost(most * 4)}>Show more</button>}
        </div>
      )}
    </section>
  );
}

function Limits({ spec, row }: { spec: Spec; row: Row | undefined }) {
  const { cpu, memory, processes } = spec;
  const quota = row?.cpu_limit ?? (cpu?.quota && cpu.period ? cpu.quota / cpu.period : undefined);
  return (
    <section>
      <h2>Limits and requests</h2>
      <Facts of={[
        ["CPU limit", quota ? `${short(quota)} cores` : "none"],
        ["CPU weight (shares)", cpu?.limit ? count(cpu.limit) : ""],
        ["Allowed CPUs", cpu?.mask ?? ""],
        ["Memory limit", limited(memory?.limit) ? bytes(memory?.limit) : "none"],
        ["Memory reserved", limited(memory?.reservation) ? bytes(memory?.reservation) : ""],
        ["Memory and swap limit", limited(memory?.swap_limit) ? bytes(memory?.swap_limit) : ""],
        ["Process limit", limited(processes?.limit) ? count(processes?.limit) : ""],
      ]} />
    </section>
  );
}

function Identity({ name, row, spec }: { name: string; row: Row | undefined; spec: Spec }) {
  const link = (query: Record<string, string>, text: string) => <a href={to("overview", query)}>{text}</a>;
  return (
    <section>
      <h2>Identity</h2>
      <Facts of={[
        ["Cgroup", <code>{name}</code>],
        ["Id", row?.id && <code>{row.id}</code>],
        ["Image", row?.image ?? spec.image ?? ""],
        ["Also called", (spec.aliases ?? []).filter((alias) => alias !== row?.id).join(", ")],
        ["Pod", row && podOf(row) && link({ pod: podOf(row) }, podOf(row))],
        ["Compose project", row?.compose && link({ q: row.compose, group: "compose" }, row.compose)],
        ["Slice", row?.slice ?? ""],
        ["Created", row?.created && clock(row.created)],
        ["Started", row?.started && clock(row.started)],
        ["Restarts", row?.restarts ? count(row.restarts) : ""],
        ["Kills for want of memory", row?.ooms ? count(row.ooms) : ""],
      ]} />
      <Pairs title="Labels" of={row?.labels ?? spec.labels ?? {}} link={row && isContainer(row)} />
      <Pairs title="Environment" of={spec.envs ?? {}} />
    </section>
  );
}

function Pairs({ title, of, link }: { title: string; of: Record<string, string>; link?: boolean | undefined }) {
  const all = Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1));
  if (!all.length) return null;
  return (
    <details open={all.length <= 12}>
      <summary>{title} <small>{count(all.length)}</small></summary>
      <dl class="pairs">
        {all.map(([key, value]) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd>{link ? <a href={to("overview", { label: `${key}=${value}` })} title="all with this label">{value || "(empty)"}</a> : value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
