// The machine: how it is built, what is full, and its past.

import { useEffect, useState } from "preact/hooks";
import { Breaches } from "./advice";
import { ask, reason } from "./base";
import { Charts } from "./charts";
import { Processes } from "./container";
import { moments, useEvents } from "./events";
import { usePast } from "./past";
import { Bar, Empty, Facts } from "./parts";
import { Shares } from "./shares";
import { Strip } from "./strip";
import { at, machine, runtimes, version } from "./store";
import { age, bytes, clock, count, many, share } from "./units";

interface Cache {
  level: number;
  type: string;
  size: number;
}

interface Built {
  vendor_id?: string;
  num_cores: number;
  num_physical_cores: number;
  num_sockets: number;
  cpu_frequency_khz: number;
  memory_capacity: number;
  swap_capacity: number;
  hugepages?: { page_size: number; num_pages: number }[] | null;
  disk_map?: Record<string, { name: string; size: number; scheduler: string }> | null;
  network_devices?: { name: string; mac_address: string; speed: number; mtu: number }[] | null;
  topology?: { node_id: number; memory: number; cores?: { core_id: number; thread_ids?: number[] | null; caches?: Cache[] | null; socket_id: number }[] | null; caches?: Cache[] | null }[] | null;
  machine_id?: string;
  boot_id?: string;
}

interface Storage {
  device: string;
  mountpoint: string;
  capacity: number;
  available: number;
  usage: number;
  inodes?: number;
  inodes_free?: number;
}

function useAsked<T>(path: string, every?: number): [T | undefined, string] {
  const [told, setTold] = useState<T>();
  const [fault, setFault] = useState("");
  useEffect(() => {
    const stop = new AbortController();
    const look = (): void => {
      if (document.hidden) return;
      ask<T>(path, stop.signal).then((value) => { setTold(value); setFault(""); }, (error: unknown) => { if (!stop.signal.aborted) setFault(reason(error)); });
    };
    look();
    const timer = every ? setInterval(look, every) : 0;
    return () => { stop.abort(); clearInterval(timer); };
  }, [path, every]);
  return [told, fault];
}

export function Machine() {
  const [built, fault] = useAsked<Built>("v1.3/machine");
  const [storage] = useAsked<Storage[]>("v2.1/storage", 10_000);
  const kept = usePast("/");
  const { events } = useEvents("/", true);
  const of = machine.value;
  if (fault && !built) return <Empty whole title="The machine cannot be read" tone="bad"><p>{fault}</p></Empty>;
  const past = kept.past.value;
  const present = runtimes.value.filter((one) => one.state !== "absent");
  const absent = runtimes.value.filter((one) => one.state === "absent");
  const newest = past?.cpus.map((core) => core.findLast((value) => value !== null) ?? undefined);
  return (
    <>
      <h1>{of?.name || "Machine"}</h1>
      <p class="under">
        {of?.os && <span>{of.os}</span>}
        {of?.kernel && <span>Linux {of.kernel}</span>}
        {of?.boot && <span>up {age(of.boot, Date.parse(at.value))}</span>}
      </p>
      <Strip />
      <Breaches name="/" label="What is wrong with the machine" />
      <div class="columns">
        {built && <Topology built={built} use={newest ?? []} />}
        <section>
          <h2>Runtimes</h2>
          <ul class="list">
            {present.map((one) => (
              <li key={one.name}>
                <b>{one.name}</b> <span class={one.state === "down" ? "s3" : "soft"}>{one.state === "up" ? "answers" : "does not answer"}</span>
                <span class="soft">{one.version} {one.state === "up" ? `· ${many(one.containers ?? 0, "container")}` : one.why}</span>
              </li>
            ))}
            {absent.length > 0 && <li><span class="soft">{present.length ? "Not here" : "None is here"}: {absent.map((one) => one.name).join(", ")}</span></li>}
          </ul>
        </section>
      </div>
      {storage && <Filesystems of={storage} />}
      {built && <Devices built={built} />}
      <Shares name="/" whole={past} />
      <h2>The past</h2>
      <Charts kept={kept} name="/" moments={moments(events.filter((event) => event.event_type.startsWith("oom")))} />
      <Processes name="/" />
      {built && (
        <section>
          <h2>Identity</h2>
          <Facts of={[
            ["Processor", built.vendor_id ?? ""],
            ["Clock", built.cpu_frequency_khz ? `${(built.cpu_frequency_khz / 1e6).toFixed(2)} GHz` : ""],
            ["Sockets", count(built.num_sockets)],
            ["Cores", `${count(built.num_physical_cores)} with ${many(built.num_cores, "thread")}`],
            ["Memory", bytes(built.memory_capacity)],
            ["Swap", built.swap_capacity ? bytes(built.swap_capacity) : "none"],
            ["Huge pages", (built.hugepages ?? []).filter((page) => page.num_pages > 0).map((page) => `${count(page.num_pages)} of ${bytes(page.page_size * 1024)}`).join(", ")],
            ["Booted", of?.boot ? clock(of.boot) : ""],
            ["Machine id", <code>{built.machine_id}</code>],
            ["Boot id", <code>{built.boot_id}</code>],
            ["Plimsoll", version.value],
          ]} />
        </section>
      )}
    </>
  );
}

/** Sockets, their cores and threads, each filled as it works now. */
function Topology({ built, use }: { built: Built; use: (number | undefined)[] }) {
  const nodes = built.topology ?? [];
  if (!nodes.length) return null;
  const caches = (all: Cache[] | null | undefined): string =>
    (all ?? []).map((cache) => `L${cache.level}${cache.type === "Data" ? "d" : cache.type === "Instruction" ? "i" : ""} ${bytes(cache.size)}`).join(" · ");
  return (
    <section>
      <h2>Topology</h2>
      <div class="nodes">
        {nodes.map((node) => (
          <div class="node" key={node.node_id}>
            <p><b>NUMA node {node.node_id}</b> <span class="soft">{bytes(node.memory)}{node.caches?.length ? ` · ${caches(node.caches)}` : ""}</span></p>
            <ul class="cores">
              {(node.cores ?? []).map((core) => (
                <li key={`${core.socket_id}.${core.core_id}`} class="core" title={`socket ${core.socket_id}, core ${core.core_id}${core.caches?.length ? `: ${caches(core.caches)}` : ""}`}>
                  {(core.thread_ids ?? []).map((thread) => {
                    const part = use[thread];
                    return (
                      <span key={thread} class="thread" role="img" aria-label={`CPU ${thread}${part === undefined ? "" : `: ${share(part)}`}`}>
                        <span style={{ height: `${Math.min(100, (part ?? 0) * 100)}%` }} />
                        <em>{thread}</em>
                      </span>
                    );
                  })}
                </li>
              ))}
            </ul>
          </div>
        ))}
      </div>
    </section>
  );
}

/** As df counts, and who judges a full disk: of what an ordinary user may write. */
const full = (one: Storage): number => one.usage / Math.max(1, one.usage + one.available);

function Filesystems({ of }: { of: Storage[] }) {
  // an overlay is as full as the filesystem that it lies on
  const all = [...of].filter((one) => one.capacity > 0 && !/^overlay/.test(one.device)).sort((a, b) => full(b) - full(a));
  if (!all.length) return null;
  return (
    <section>
      <h2>Filesystems</h2>
      <ul class="list full">
        {all.map((one) => {
          const inodes = one.inodes && one.inodes_free !== undefined ? 1 - one.inodes_free / one.inodes : 0;
          return (
            <li key={one.device + one.mountpoint}>
              <b class="clip" title={one.device}>{one.mountpoint || one.device}</b>
              <Bar part={full(one)} label={`${one.mountpoint || one.device} in use`} />
              <span class="soft">{share(full(one))}: {bytes(one.usage)} used, {bytes(one.available)} free{one.usage + one.available < one.capacity * 0.9 ? `, the rest of ${bytes(one.capacity)} is reserved` : ""}{inodes > 0.5 ? `; inodes ${share(inodes)}` : ""}{one.device !== one.mountpoint ? ` · ${one.device}` : ""}</span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Devices({ built }: { built: Built }) {
  const disks = Object.entries(built.disk_map ?? {});
  const cards = built.network_devices ?? [];
  return (
    <div class="columns">
      {disks.length > 0 && (
        <section>
          <h2>Disks</h2>
          <ul class="list">
            {disks.map(([number, disk]) => <li key={number}><b>{disk.name}</b> <span>{disk.size ? bytes(disk.size) : "no size"}</span><span class="soft">{number} · scheduler {disk.scheduler}</span></li>)}
          </ul>
        </section>
      )}
      {cards.length > 0 && (
        <section>
          <h2>Network cards</h2>
          <ul class="list">
            {cards.map((card) => <li key={card.name}><b>{card.name}</b> <span>{card.speed > 0 ? (card.speed >= 1000 ? `${card.speed / 1000} Gbit/s` : `${card.speed} Mbit/s`) : "speed not told"}</span><span class="soft">MTU {card.mtu} · {card.mac_address}</span></li>)}
          </ul>
        </section>
      )}
    </div>
  );
}
