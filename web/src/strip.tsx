// The machine now: what it uses of what it has, what is wrong with it, and which runtimes answer.

import type { ComponentChildren } from "preact";
import { Bar, Bytes, Degree, Number, Sparkline, Used } from "./parts";
import { to } from "./route";
import { at, machine, rows, runtimes } from "./store";
import { age, bytes, many, percent, share, short } from "./units";

function Tile({ name, children, note, more }: { name: string; children: ComponentChildren; note?: ComponentChildren; more?: boolean }) {
  return (
    <div class={`tile ${more ? "more" : ""}`}>
      <h2>{name}</h2>
      <div class="value">{children}</div>
      <div class="note">{note}</div>
    </div>
  );
}

/** A bar with what it says in words below it. */
function Full({ part, label, children }: { part: number; label: string; children: ComponentChildren }) {
  return <><Bar part={part} label={label} /><span class="below">{children}</span></>;
}

/** Percent of the time from which on a container that waits is at its load line, and suffers: docs/load-line.md. */
const LONG = { cpu: [60, 101], memory: [15, 40], io: [50, 80] } as const;

function waiting(kind: keyof typeof LONG, value = 0): string {
  const [at_, past] = LONG[kind];
  return value >= past ? "s3" : value >= at_ ? "s2" : "";
}

/** Above the containers, a phone shows the four that can be full: they are not what one came for. */
export function Strip({ above }: { above?: boolean }) {
  const of = machine.value;
  if (!of) return null;
  const now = Date.parse(at.value);
  const { pressure, load } = of;
  const memoryPart = of.memory_used === undefined ? undefined : of.memory_used / of.memory;
  return (
    <section class={`strip ${above ? "above" : ""}`} aria-label="The machine now">
      <Tile name="CPU" note={of.cpu !== undefined && <Full part={of.cpu / of.cores} label="CPU in use">{share(of.cpu / of.cores)} busy</Full>}>
        <span>
          {of.cpu === undefined ? "…" : <Number of={short(of.cpu)} unit={`of ${many(of.cores, "core")}`} />}
        </span>
        <Sparkline line={of.spark?.cpu} top={of.cores} />
      </Tile>
      <Tile name="Memory" note={memoryPart !== undefined && <Full part={memoryPart} label="memory in use">{share(memoryPart)} used{of.swap_used ? `, ${bytes(of.swap_used)} in swap` : ""}</Full>}>
        <span>
          {of.memory_used === undefined ? "…" : <Used of={of.memory_used} limit={of.memory} />}
        </span>
        <Sparkline line={of.spark?.memory} top={of.memory} />
      </Tile>
      <Tile name="Network" more note={of.rx === undefined && "not counted here"}>
        <Pair first={["in", of.rx]} second={["out", of.tx]} />
      </Tile>
      <Tile name="Disk" note={of.fullest ? <Full part={of.fullest.share} label={`${of.fullest.device} in use`}>{share(of.fullest.share)} of {of.fullest.device.replace(/^\/dev\//, "")} used</Full> : of.read === undefined && "not counted here"}>
        <Pair first={["read", of.read]} second={["write", of.write]} />
      </Tile>
      <Tile name="Waiting for" note={!pressure && "the kernel tells no pressure (PSI)"}>
        {pressure && (
          <dl class="waits">
            {(["cpu", "memory", "io"] as const).map((kind) => pressure[kind] !== undefined && (
              <div key={kind}>
                <dt>{kind === "cpu" ? "CPU" : kind === "io" ? "disk" : kind}</dt>
                <dd class={waiting(kind, pressure[kind])}>{percent(pressure[kind])}</dd>
              </div>
            ))}
          </dl>
        )}
      </Tile>
      <Tile name="Load" more note={of.boot && `up ${age(of.boot, now)}`}>
        {load ? <dl class="waits">{load.map((value, i) => <div key={i}><dt>{["1 min", "5 min", "15 min"][i]}</dt><dd>{value.toFixed(2)}</dd></div>)}</dl> : ""}
      </Tile>
    </section>
  );
}

/** What is wrong with the machine itself: no row of the table says it, unless all cgroups are shown. */
export function Ills() {
  const breaches = rows.value.get("/")?.breaches;
  if (!breaches?.length) return null;
  return (
    <ul class="breaches ills" aria-label="What is wrong with the machine">
      {breaches.map((breach) => <li key={breach.kind + breach.text} class={`s${breach.severity}`}><Degree severity={breach.severity} /> The machine: {breach.text}</li>)}
      <li class="soft"><a href={to("machine")}>Why, and what to do</a></li>
    </ul>
  );
}

function Pair({ first, second }: { first: [string, number | undefined]; second: [string, number | undefined] }) {
  return (
    <dl class="waits">
      {[first, second].map(([name, value]) => value !== undefined && (
        <div key={name}>
          <dt>{name}</dt>
          <dd><Bytes of={value} per /></dd>
        </div>
      ))}
    </dl>
  );
}

export function Runtimes() {
  const present = runtimes.value.filter((one) => one.state !== "absent");
  const of = machine.value;
  return (
    <p class="under told">
      {of && <span>{of.os}</span>}
      {of?.kernel && <span>Linux {of.kernel}</span>}
      {present.map((one) => (
        <span key={one.name} class={one.state === "down" ? "s3" : ""} title={one.why ?? ""}>
          {one.name} {one.version} {one.state === "down" ? `does not answer${one.why ? `: ${one.why}` : ""}` : `· ${many(one.containers ?? 0, "container")}`}
        </span>
      ))}
    </p>
  );
}
