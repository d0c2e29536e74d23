// The charts of a container, and of the machine, which is its root.

import { Chart, type Line, type Moment, zoom } from "./chart";
import { Empty } from "./parts";
import type { Kept, Past } from "./past";
import type { Column } from "./types";
import { bytes, clock, count, duration, perSecond, percent, rate, share, short } from "./units";

/** The sum of two columns where both have a number: lines that lie on each other. */
const plus = (a: Column, b: Column): Column => a.map((value, i) => (value === null || b[i] == null ? null : value + (b[i] as number)));

const cores = (value: number): string => `${short(value)}`;

function line(past: Past, key: string, label: string, color: string, more: Partial<Line> = {}): Line[] {
  const data = past.columns[key];
  return data?.some((value) => value !== null) ? [{ label, data, color, ...more }] : [];
}

export const CORE_COLORS = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];

export function Charts({ kept, moments, name }: { kept: Kept; moments: Moment[]; name: string }) {
  const past = kept.past.value;
  if (!past) {
    return kept.fault.value
      ? <Empty title="Its past cannot be shown" tone="bad"><p>{kept.fault.value}</p></Empty>
      : <div class="charts" role="status" aria-label="Loading">{[1, 2, 3, 4].map((n) => <div key={n} class="chart block" />)}</div>;
  }
  if (past.at.length < 2) return <Empty title="No past yet"><p>The first points appear a few seconds after the first sample.</p></Empty>;
  const has = (key: string): boolean => past.columns[key]?.some((value) => value !== null) ?? false;
  const any = (...keys: string[]): boolean => keys.some(has);
  // what never happened gets no chart
  const moved = (...keys: string[]): boolean => keys.some((key) => past.columns[key]?.some((value) => (value ?? 0) > 0));
  const shared = { at: past.at, moments };
  const limit = past.columns["memory_limit"]?.findLast((value) => value !== null) ?? undefined;
  const cache = past.columns["memory_cache"];
  const rss = past.columns["memory_rss"];
  const [from, to] = zoom.value ?? [];
  return (
    <>
      <div class="span">
        {from !== undefined && to !== undefined
          ? <><span>{clock(from * 1000)} – {clock(to * 1000)}</span> <button type="button" onClick={() => { zoom.value = undefined; }}>Show all <kbd>Esc</kbd></button></>
          : <span>The last {duration((past.at[past.at.length - 1] as number) - (past.at[0] as number))}. Drag over a chart to zoom.</span>}
        {kept.fault.value && <span class="s3" role="alert">{kept.fault.value}</span>}
      </div>
      <div class="charts" data-name={name}>
        {has("cpu") && <Chart {...shared} title="CPU, cores" about="CPU time used per second: 1 is one core busy all the time. At the dashed limit the kernel makes it wait (see Throttled); a step in it is a limit that was changed. User is its own code, system what the kernel does for it." show={cores} lines={[...line(past, "cpu", "total", "c1", { fill: true }), ...line(past, "cpu_user", "user", "c2"), ...line(past, "cpu_system", "system", "c3"), ...line(past, "cpu_limit", "limit", "bad", { dash: true })]} />}
        {past.cpus.length > 1 && <PerCore past={past} moments={moments} />}
        {moved("throttled") && <Chart {...shared} title="Throttled, share of periods" about="In this share of the kernel’s periods (mostly 0.1 s) the CPU limit was used up and it had to wait for the next one. Above 10 % answers get slow: raise the limit, or use fewer threads at a time." show={(value) => share(value)} top={0.1} lines={line(past, "throttled", "throttled", "warn", { fill: true })} />}
        {any("memory") && (
          <Chart {...shared} title="Memory" about="Working set is what cannot be given back at once; when it reaches the limit, something is killed. Anonymous memory is the programs’ own data; cache is files kept in memory, which the kernel gives back when it must." show={bytes} binary {...(limit !== undefined && limit !== null ? { top: limit * 1.05 } : {})}
            lines={[
              ...(rss && cache ? [{ label: "anonymous + cache", data: plus(rss, cache), color: "c4", fill: true }] : []),
              ...line(past, "memory_rss", "anonymous", "c2", { fill: true }),
              ...(moved("memory_swap") ? line(past, "memory_swap", "swap", "c3") : []),
              ...line(past, "memory", "working set", "c1"),
              ...line(past, "memory_limit", "limit", "bad", { dash: true }),
            ]} />
        )}
        {moved("memory_failures") && <Chart {...shared} title="Memory limit reached" about="How often more memory was wanted than the limit allows. The kernel then throws cache away, and kills when there is none left." show={perSecond} lines={line(past, "memory_failures", "times", "warn", { fill: true })} />}
        {any("rx", "tx") && <Chart {...shared} title="Network" about="Bytes in its network namespace. Containers of one pod share it; with the host’s network there are no numbers of its own." show={rate} binary top={1024} lines={[...line(past, "rx", "in", "c1", { fill: true }), ...line(past, "tx", "out", "c2")]} />}
        {moved("rx_errors", "tx_errors", "rx_dropped", "tx_dropped") && <Chart {...shared} title="Network, lost packets" about="Errors are broken packets, drops are packets without room. Either at more than a few a second points at a card, a full queue or a shaper." show={perSecond} lines={[...line(past, "rx_errors", "errors in", "bad"), ...line(past, "tx_errors", "errors out", "c3"), ...line(past, "rx_dropped", "dropped in", "warn"), ...line(past, "tx_dropped", "dropped out", "c2")]} />}
        {any("read", "write") && <Chart {...shared} title="Disk" about="Bytes that reached the disks. Reads from the cache cost nothing and are not in it; on cgroup v1 neither is what is written later by the kernel." show={rate} binary top={1024} lines={[...line(past, "read", "read", "c1", { fill: true }), ...line(past, "write", "write", "c2")]} />}
        {moved("read_ops", "write_ops") && <Chart {...shared} title="Disk, operations" about="Reads and writes a second. Many small ones can fill a disk that moves few bytes." show={perSecond} lines={[...line(past, "read_ops", "read", "c1"), ...line(past, "write_ops", "write", "c2")]} />}
        {name !== "/" && any("disk_usage") && <Chart {...shared} title="Files of its own" about="What it wrote on top of its image: lost with the container, and on the disk of the runtime until then." show={bytes} binary lines={line(past, "disk_usage", "used", "c1", { fill: true })} />}
        {any("pressure_cpu", "pressure_memory", "pressure_io") && <Chart {...shared} title="Pressure, share of time that some task waited" about="In this share of the time at least one of its tasks could not go on for want of CPU, memory or disk (the kernel’s PSI). A few percent are usual under load; from 20 % on it suffers." show={(value) => percent(value)} top={5} lines={[...line(past, "pressure_cpu", "CPU", "c1"), ...line(past, "pressure_memory", "memory", "c2"), ...line(past, "pressure_io", "disk", "c3")]} />}
        {any("processes", "threads") && <Chart {...shared} title="Processes and threads" about="A number that only grows is a leak; at the limit of processes nothing new can be started." show={count} lines={[...line(past, "processes", "processes", "c1"), ...line(past, "threads", "threads", "c2")]} />}
      </div>
    </>
  );
}

const PER_CORE = "How busy each CPU is with it. One at 100 % while the others rest is a program with a single busy thread: more CPUs would not help it. Of more than eight CPUs the busiest, the median and the idlest are drawn, anew at each instant.";

function PerCore({ past, moments }: { past: Past; moments: Moment[] }) {
  if (past.cpus.length <= 8) {
    const lines = past.cpus.map((data, n): Line => ({ label: `CPU ${n}`, data, color: CORE_COLORS[n] as string }));
    return <Chart title="CPU per core" about={PER_CORE} at={past.at} moments={moments} show={(value) => share(value)} top={1} lines={lines} />;
  }
  // more lines than eyes can tell apart: the busiest, the median and the idlest at each instant
  const at_ = past.at.map((_, i) => past.cpus.map((core) => core[i]).filter((value): value is number => value != null).sort((a, b) => a - b));
  const pick = (part: number): Column => at_.map((all) => (all.length ? (all[Math.round((all.length - 1) * part)] as number) : null));
  return (
    <Chart title={`CPU per core, of ${past.cpus.length}`} about={PER_CORE} at={past.at} moments={moments} show={(value) => share(value)} top={1}
      lines={[{ label: "busiest", data: pick(1), color: "c1" }, { label: "median", data: pick(0.5), color: "c2" }, { label: "idlest", data: pick(0), color: "c4" }]} />
  );
}

