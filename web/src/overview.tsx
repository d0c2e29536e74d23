// The machine and its containers: who is there, who is near the load line, who suffers.

import { useComputed } from "@preact/signals";
import type { ComponentChildren, RefObject } from "preact";
import { Fallen } from "./ended";
import { memo } from "./memo";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Bar, Bytes, Degree, Empty, Number, Sparkline, Used, degree } from "./parts";
import { ask, place, to, toContainer } from "./route";
import { type Key, type Line, type Wanted, grouped, isContainer, matches, podOf, sorted, tree, worst } from "./select";
import { set, settings } from "./settings";
import { at, fault, known, rows, runtimes } from "./store";
import { Ills, Runtimes, Strip } from "./strip";
import type { Row } from "./types";
import { age, count, many, percent, share, short } from "./units";

// ---- the table -----------------------------------------------------------------------------

interface Column {
  key: Key;
  head: string;
  /** Seen from this width of the window on. */
  from: number;
  width: number;
  text?: boolean;
  /** Ascending at the first click. */
  up?: boolean;
  cell: (row: Row, now: number) => ComponentChildren;
}

const two = (a: ComponentChildren, b: ComponentChildren) => <>{a}<br />{b}</>;

const COLUMNS: Column[] = [
  { key: "runtime", head: "Runtime", from: 1060, width: 100, text: true, up: true, cell: (row) => row.runtime },
  { key: "image", head: "Image", from: 1600, width: 170, text: true, up: true, cell: (row) => <span class="clip" title={row.image ?? ""}>{imageOf(row)}</span> },
  { key: "state", head: "State", from: 1060, width: 96, text: true, up: true, cell: (row) => <State row={row} /> },
  { key: "cpu", head: "CPU", from: 0, width: 116, cell: (row) => <Cpu row={row} /> },
  { key: "memory", head: "Memory", from: 0, width: 138, cell: (row) => <Memory row={row} /> },
  { key: "net", head: "Network", from: 860, width: 104, cell: (row) => row.rx === undefined && row.tx === undefined ? null : two(<><i aria-hidden="true">↓</i><span class="sr">in </span><Bytes of={row.rx} per /></>, <><i aria-hidden="true">↑</i><span class="sr">out </span><Bytes of={row.tx} per /></>) },
  { key: "io", head: "Disk", from: 860, width: 104, cell: (row) => row.read === undefined && row.write === undefined ? null : two(<><i>r</i><Bytes of={row.read} per /></>, <><i>w</i><Bytes of={row.write} per /></>) },
  { key: "throttled", head: "Throttled", from: 1280, width: 84, cell: (row) => row.throttled === undefined ? null : row.throttled ? <span class={judged(row, "throttled")}>{share(row.throttled)}</span> : <span class="zero">0</span> },
  { key: "pressure", head: "Waits", from: 1200, width: 68, cell: (row) => <Waits row={row} /> },
  { key: "restarts", head: "Restarts", from: 1360, width: 78, cell: (row) => row.restarts === undefined ? null : row.restarts ? count(row.restarts) : <span class="zero">0</span> },
  { key: "ooms", head: "OOMs", from: 1280, width: 62, cell: (row) => row.ooms ? <span class="s3">{count(row.ooms)}</span> : null },
  { key: "created", head: "Age", from: 700, width: 76, up: true, cell: (row, now) => age(row.started ?? row.created, now, 1) },
];

/** The part of an image that tells it from others. */
function imageOf(row: Row): string {
  const image = row.image ?? "";
  const bare = image.replace(/^sha256:/, "").replace(/@sha256:.*$/, "");
  return bare === image || bare.length !== 64 ? bare.slice(bare.lastIndexOf("/") + 1) : bare.slice(0, 12);
}

function State({ row }: { row: Row }) {
  const ill = row.health === "unhealthy";
  return <span class={ill ? "s3" : ""}>{ill ? "unhealthy" : row.state}</span>;
}

function Cpu({ row }: { row: Row }) {
  if (row.cpu === undefined) return null;
  const part = row.cpu_limit ? row.cpu / row.cpu_limit : undefined;
  return (
    <>
      <span class={degree(part)}>{row.cpu ? "" : <span class="zero">0</span>}<Number of={row.cpu ? short(row.cpu) : ""} {...(row.cpu_limit ? { unit: `of ${short(row.cpu_limit)}` } : {})} /></span>
      <Sparkline line={row.spark?.cpu} top={row.cpu_limit ?? 0.02} width={100} height={16} />
    </>
  );
}

function Memory({ row }: { row: Row }) {
  if (row.memory === undefined) return null;
  const part = row.memory_limit ? row.memory / row.memory_limit : undefined;
  return (
    <>
      <span><Used of={row.memory} limit={row.memory_limit} /></span>
      {part === undefined ? <Sparkline line={row.spark?.memory} top={0} width={100} height={16} /> : <Bar part={part} label="of the memory limit" />}
    </>
  );
}

/** A number has the colour of what is said about it. */
function judged(row: Row, kind: string): string {
  const severity = row.breaches?.find((breach) => breach.kind === kind)?.severity ?? 0;
  return severity > 1 ? `s${severity}` : "";
}

function Waits({ row }: { row: Row }) {
  const found = worst(row);
  if (!found) return null;
  const [kind, value] = found;
  if (value < 0.05) return <span class="zero">0</span>;
  return <span class={judged(row, `pressure-${kind}`)} title={`waits for ${kind}`}>{percent(value)}<br /><small>{kind === "io" ? "disk" : kind === "cpu" ? "CPU" : kind}</small></span>;
}

/** Heights of a row: they are one, so that what is not seen need not be there. A phone gives the words two lines. */
const ROW = 48;
const TALL = 62;
const NARROW = 560;

interface LineProps {
  line: Line;
  index: number;
  columns: Column[];
  now: number;
  here: boolean;
  flip: (key: string) => void;
}

/** A row is drawn again when its numbers or its age changed, and not when its neighbours did. */
const TableLine = memo(
  function TableLine({ line, index, columns, now, here, flip }: LineProps) {
    if (line.kind === "group") {
      return (
        <tr class={`group ${here ? "here" : ""}`} aria-rowindex={index + 2} data-line={index}>
          <th scope="rowgroup" colSpan={1}>
            <button type="button" class="twist" aria-expanded={line.open} onClick={() => flip(line.key)}>
              <span aria-hidden="true">{line.open ? "▾" : "▸"}</span> <Degree severity={line.severity} /> <span class="clip">{line.title}</span> <small>{count(line.rows)}</small>
            </button>
          </th>
          {columns.map((column) => <td key={column.key} class={column.text ? "t" : "n"}>{column.key === "cpu" ? short(line.cpu) : column.key === "memory" ? <Bytes of={line.memory} /> : null}</td>)}
        </tr>
      );
    }
    const { row } = line;
    const worstOf = row.breaches?.[0];
    const more = (row.breaches?.length ?? 0) - 1;
    return (
      <tr class={here ? "here" : ""} aria-rowindex={index + 2} data-line={index} data-name={row.name}>
        <th scope="row">
          <div class="name" style={line.depth ? { paddingInlineStart: `${Math.min(line.depth, 8) * 16}px` } : {}}>
            {line.children !== undefined && (line.children > 0
              ? <button type="button" class="twist" aria-expanded={line.open ?? false} aria-label={`groups below ${row.title}`} onClick={() => flip(row.name)}>{line.open ? "▾" : "▸"}</button>
              : <span class="twist" />)}
            <Degree severity={row.severity} />
            <div class="clip">
              <a href={toContainer(row.name)} title={`${row.title}\n${row.name}`}>{row.title || row.name}</a>
              <div class={`why clip ${worstOf ? `s${worstOf.severity}` : ""}`} title={(row.breaches ?? []).map((breach) => breach.text).join("; ")}>
                {worstOf ? worstOf.text + (more > 0 ? `; ${more} more` : "") : under(row)}
              </div>
            </div>
          </div>
        </th>
        {columns.map((column) => <td key={column.key} class={column.text ? "t" : "n"}>{column.cell(row, now)}</td>)}
      </tr>
    );
  },
  (a, b) =>
    a.index === b.index && a.columns === b.columns && a.here === b.here && a.flip === b.flip &&
    Math.floor(a.now / 10000) === Math.floor(b.now / 10000) &&
    (a.line === b.line || (a.line.kind === "row" && b.line.kind === "row" && a.line.row === b.line.row &&
      a.line.depth === b.line.depth && a.line.children === b.line.children && a.line.open === b.line.open)),
);

/** The softer second line of a row that is well: where it belongs. */
const under = (row: Row): string =>
  [podOf(row) ? `pod ${podOf(row)}` : row.compose ? `project ${row.compose}` : "", imageOf(row)].filter(Boolean).join(" · ") ||
  (!isContainer(row) && row.parent && row.parent !== "/" ? row.parent : "");

/** Which lines of the table the window shows, and some before and after. */
function useWindow(lines: number, height: number): [RefObject<HTMLTableSectionElement | null>, number, number] {
  const body = useRef<HTMLTableSectionElement>(null);
  const [range, setRange] = useState<[number, number]>([0, 40]);
  useLayoutEffect(() => {
    let asked = 0;
    const look = (): void => {
      asked = 0;
      if (!body.current) return;
      const top = -body.current.getBoundingClientRect().top;
      // steps of eight rows: most scrolling draws nothing new
      const first = Math.max(0, Math.floor(top / height / 8) * 8 - 8);
      const last = first + (Math.ceil(innerHeight / height / 8) + 3) * 8;
      setRange((old) => (old[0] === first && old[1] === last ? old : [first, last]));
    };
    const soon = (): void => {
      asked ||= requestAnimationFrame(look);
    };
    look();
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    return () => {
      removeEventListener("scroll", soon);
      removeEventListener("resize", soon);
      cancelAnimationFrame(asked);
    };
  }, [lines, height]);
  return [body, Math.min(range[0], Math.max(0, lines - 1)), Math.min(range[1], lines)];
}

function useWidth(): number {
  const [width, setWidth] = useState(innerWidth);
  useEffect(() => {
    const look = (): void => setWidth(innerWidth);
    addEventListener("resize", look);
    return () => removeEventListener("resize", look);
  }, []);
  return width;
}

function Table({ lines, total }: { lines: Line[]; total: number }) {
  const { sort, down } = settings.value;
  const width = useWidth();
  const narrow = width < NARROW;
  const height = narrow ? TALL : ROW;
  const [body, first, last] = useWindow(lines.length, height);
  const columns = useMemo(() => COLUMNS.filter((column) => column.from <= width), [width]);
  const [here, setHere] = useState(-1);
  const wanted = useRef(-1);
  const now = Date.parse(at.value);
  const flip = flipOf;

  // arrows walk over the lines; the line that has the focus is the one that Enter opens
  useEffect(() => {
    const keyed = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target as HTMLElement;
      if (target.closest("select, textarea, dialog") || (target.matches("input") && event.key !== "ArrowDown")) return;
      const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 10, PageUp: -10 }[event.key];
      const end = event.key === "Home" ? 0 : event.key === "End" ? lines.length - 1 : undefined;
      if ((step === undefined && end === undefined) || (target.matches("input") && event.key.length === 1) || !lines.length) return;
      event.preventDefault();
      setHere((old) => end ?? Math.max(0, Math.min(lines.length - 1, old < 0 ? 0 : old + (step ?? 0))));
    };
    document.addEventListener("keydown", keyed);
    return () => document.removeEventListener("keydown", keyed);
  }, [lines.length]);

  useLayoutEffect(() => {
    if (here < 0 || !body.current) return;
    const top = body.current.getBoundingClientRect().top + here * height;
    const head = 100;
    if (top < head) scrollBy(0, top - head);
    else if (top + height > innerHeight) scrollBy(0, top + height - innerHeight + 8);
    wanted.current = here;
  }, [here]);

  // the line may be drawn only after the window has moved there
  useLayoutEffect(() => {
    if (wanted.current < 0) return;
    const line = body.current?.querySelector<HTMLElement>(`[data-line="${wanted.current}"] :is(a, button)`);
    if (!line) return;
    wanted.current = -1;
    line.focus({ preventScroll: true });
  });

  const by = (column: { key: Key; up?: boolean }): void => {
    if (sort === column.key) set({ down: !down });
    else set({ sort: column.key, down: !column.up });
  };
  const head = (key: Key, text: string, up: boolean | undefined, className: string) => (
    <th key={key} scope="col" class={className} aria-sort={sort === key ? (down ? "descending" : "ascending") : undefined}>
      <button type="button" onClick={() => by({ key, ...(up ? { up } : {}) })}>
        {text}<span class="order" aria-hidden="true">{sort === key ? (down ? "↓" : "↑") : ""}</span>
      </button>
    </th>
  );
  return (
    <table class={`rows ${narrow ? "tall" : ""}`} aria-rowcount={lines.length + 1} aria-label={`${many(total, "row")}; arrow keys walk, Enter opens`}>
      <colgroup>
        <col />
        {columns.map((column) => <col key={column.key} style={{ width: `${narrow ? column.key === "cpu" ? 80 : column.key === "memory" ? 114 : column.width : column.width}px` }} />)}
      </colgroup>
      <thead>
        <tr aria-rowindex={1}>
          <th scope="col" aria-sort={sort === "title" ? (down ? "descending" : "ascending") : undefined}>
            <button type="button" onClick={() => by({ key: "title", up: true })}>Name<span class="order" aria-hidden="true">{sort === "title" ? (down ? "↓" : "↑") : ""}</span></button>
            <button type="button" class={`byload ${sort === "severity" ? "on" : ""}`} aria-pressed={sort === "severity"} onClick={() => set({ sort: "severity", down: true })} title="What suffers first, then what is nearest to its limit">load line first</button>
          </th>
          {columns.map((column) => head(column.key, column.head, column.up, column.text ? "t" : "n"))}
        </tr>
      </thead>
      <tbody ref={body} onFocusIn={(event) => {
        const line = (event.target as HTMLElement).closest<HTMLElement>("[data-line]");
        if (line) setHere(globalThis.Number(line.dataset["line"]));
      }}>
        {first > 0 && <tr aria-hidden="true" class="gap" style={{ height: `${first * height}px` }} />}
        {lines.slice(first, last).map((line, i) => (
          <TableLine key={line.kind === "row" ? line.row.name : `group ${line.key}`} line={line} index={first + i} columns={columns} now={now} here={here === first + i} flip={flip} />
        ))}
        {last < lines.length && <tr aria-hidden="true" class="gap" style={{ height: `${(lines.length - last) * height}px` }} />}
      </tbody>
    </table>
  );
}

// ---- what is chosen ------------------------------------------------------------------------

const closed = new Set<string>();
let redraw: () => void = () => undefined;
const flipOf = (key: string): void => {
  closed.has(key) ? closed.delete(key) : closed.add(key);
  redraw();
};

function Choice({ label, value, of, onChange, any }: { label: string; value: string; of: [string, string][]; onChange: (value: string) => void; any?: string }) {
  return (
    <label class="choice">
      <select aria-label={label} title={label} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {any !== undefined && <option value="">{any}</option>}
        {value && !of.some(([key]) => key === value) && <option value={value}>{value}</option>}
        {of.map(([key, text]) => <option key={key} value={key}>{text}</option>)}
      </select>
    </label>
  );
}

/** How often each value is there, for a choice. */
function counted(all: Iterable<Row>, of: (row: Row) => string): [string, string][] {
  const found = new Map<string, number>();
  for (const row of all) {
    const value = of(row);
    if (value) found.set(value, (found.get(value) ?? 0) + 1);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, 300).map(([value, n]) => [value, `${value} (${n})`]);
}

const SCOPES: [string, string][] = [["containers", "containers"], ["services", "systemd units"], ["all", "all cgroups"]];
const GROUPS: [string, string][] = [["pod", "by pod"], ["compose", "by compose project"], ["slice", "by systemd slice"], ["image", "by image"], ["runtime", "by runtime"], ["tree", "tree of cgroups"]];

export function Overview() {
  const [, again] = useState(0);
  const [more, setMore] = useState(false);
  redraw = () => again((n) => n + 1);
  const query = place.value.query;
  const { scope: kept, group: keptGroup, sort, down } = settings.value;
  const all = rows.value;
  const anyContainer = useComputed(() => [...rows.value.values()].some(isContainer)).value;

  const runtime = query.get("runtime") ?? "";
  const group = query.get("group") ?? keptGroup;
  // a host without a container shows what it has; the tree is one of all groups
  const asked = query.get("show") ?? kept;
  const scope = runtime || group === "tree" ? "all" : asked === "containers" && !anyContainer ? "all" : asked;
  const wanted: Wanted = {
    text: query.get("q") ?? "", runtime, scope,
    state: query.get("state") ?? "", pod: query.get("pod") ?? "", label: query.get("label") ?? "",
  };

  const chosen = [...all.values()].filter((row) => matches(row, wanted));
  const lines: Line[] = group === "tree"
    ? tree(all, (row) => matches(row, wanted), sort as Key, down, closed)
    : group
      ? grouped(held(chosen, sort as Key, down), group, closed)
      : held(chosen, sort as Key, down).map((row) => ({ kind: "row", row, depth: 0 }));

  const inScope = useMemo(() => [...all.values()].filter((row) => matches(row, { ...wanted, text: "", runtime: "", state: "", pod: "", label: "", scope: scope })), [all, scope]);
  const everything = useMemo(() => [...all.values()], [all]);
  const filtered = !!(wanted.text || runtime || wanted.state || wanted.pod || wanted.label);

  if (!known.value) {
    return fault.value
      ? <Empty whole title="No numbers yet" tone="bad"><p>{fault.value}</p><p>The page tries again by itself.</p></Empty>
      : <Skeleton />;
  }
  const states = counted(inScope, (row) => row.state ?? "");
  const pods = counted(inScope, podOf);
  const what = scope === "containers" ? "container" : scope === "services" ? "unit" : "cgroup";
  const labelled = inScope.some((row) => row.labels && Object.keys(row.labels).length > 0);
  return (
    <>
      <Strip above />
      <Runtimes />
      <Ills />
      <Fallen />
      <Sentence of={chosen} what={what} />
      {all.size > 0 && <form class={`tools ${more || filtered ? "open" : ""}`} role="search" onSubmit={(event) => event.preventDefault()}>
        <label class="search">
          <span class="sr">Search names, images, pods</span>
          <input id="search" type="search" placeholder="Search  /" value={wanted.text} autocomplete="off" spellcheck={false}
            onInput={(event) => ask({ q: event.currentTarget.value })} />
        </label>
        <Choice label="Show" value={scope} of={SCOPES} onChange={(value) => { set({ scope: value as "all" }); ask({ show: "", runtime: "", group: group === "tree" ? "" : query.get("group") ?? "" }); if (group === "tree") set({ group: "" }); }} />
        <Choice label="Runtime" any="any runtime" value={runtime} of={counted(everything, (row) => row.runtime)} onChange={(value) => ask({ runtime: value })} />
        {states.length > 0 && <Choice label="State" any="any state" value={wanted.state} of={states} onChange={(value) => ask({ state: value })} />}
        {(pods.length > 0 || wanted.pod) && <Choice label="Pod" any="any pod" value={wanted.pod} of={pods} onChange={(value) => ask({ pod: value })} />}
        {(labelled || wanted.label) && (
          <label class="choice">
            <input type="text" aria-label="Label" list="labels" placeholder="label=value" value={wanted.label} autocomplete="off" spellcheck={false} onInput={(event) => ask({ label: event.currentTarget.value })} />
            <LabelList of={inScope} />
          </label>
        )}
        <Choice label="Group by" any="no groups" value={group} of={GROUPS} onChange={(value) => { set({ group: value }); ask({ group: "" }); }} />
        {filtered && <button type="button" class="plain" onClick={() => ask({ q: "", runtime: "", state: "", pod: "", label: "" })}>Clear filters</button>}
        <span class="shown" role="status">{chosen.length === inScope.length ? many(chosen.length, what) : `${count(chosen.length)} of ${many(inScope.length, what)}`}</span>
        <button type="button" class="plain fold" aria-expanded={more} onClick={() => setMore(!more)}>{more ? "Fewer filters" : "Filters"}</button>
      </form>}
      {lines.length > 0
        ? <div onPointerEnter={() => { pointed = true; }} onPointerLeave={() => { pointed = false; }}><Table lines={lines} total={chosen.length} /></div>
        : filtered
          ? <Empty title="Nothing matches"><p>Of {many(inScope.length, what)}, none matches all filters.</p><NoRuntime name={runtime} /><button type="button" onClick={() => ask({ q: "", runtime: "", state: "", pod: "", label: "" })}>Clear filters</button></Empty>
          : <Empty title={scope === "services" ? "No systemd unit is running here" : "No container is running here"}>
              <p>They appear here by themselves, within a second of their start. If one runs and is not here, see <a href={to("missing")}>what is missing</a>.</p>
            </Empty>}
    </>
  );
}

/** A runtime that is asked for and does not answer: its containers have no names then. */
function NoRuntime({ name }: { name: string }) {
  const told = runtimes.value.find((one) => one.name === name);
  if (!told || told.state === "up") return null;
  return <p>{name} {told.state === "down" ? `does not answer${told.why ? `: ${told.why}` : ""}` : "was not found on this machine"}. See <a href={to("missing")}>what is missing</a>.</p>;
}

function LabelList({ of }: { of: Row[] }) {
  const found = new Set<string>();
  for (const row of of) {
    for (const [key, value] of Object.entries(row.labels ?? {})) {
      if (found.size >= 200) break;
      found.add(`${key}=${value}`);
    }
  }
  return <datalist id="labels">{[...found].sort().map((label) => <option key={label} value={label} />)}</datalist>;
}

let pointed = false;
let order: string[] = [];
let ordered = "";

/** Sorted; but while the pointer is on the table nothing moves away from under it. */
function held(chosen: Row[], sort: Key, down: boolean): Row[] {
  const how = `${sort} ${down}`;
  if (pointed && how === ordered && order.length) {
    const by = new Map(chosen.map((row) => [row.name, row]));
    const old = order.flatMap((name) => by.get(name) ?? []);
    const seen = new Set(order);
    const fresh = sorted(chosen.filter((row) => !seen.has(row.name)), sort, down);
    const all = [...old, ...fresh];
    order = all.map((row) => row.name);
    return all;
  }
  const all = sorted(chosen, sort, down);
  order = all.map((row) => row.name);
  ordered = how;
  return all;
}

/** The five seconds: how many, and how many are not well. */
function Sentence({ of, what }: { of: Row[]; what: string }) {
  const suffering = of.filter((row) => row.severity === 3).length;
  const at_ = of.filter((row) => row.severity === 2).length;
  const near = of.filter((row) => row.severity === 1).length;
  const parts = [
    suffering && <b class="s3" key="3">{suffering} suffering</b>,
    at_ && <b class="s2" key="2">{at_} at the load line</b>,
    near && <b class="s1" key="1">{near} near it</b>,
  ].filter(Boolean);
  if (!of.length) return <h1 class="sr">Overview</h1>;
  return (
    <h1 class="sentence" aria-live="polite">
      {parts.length ? parts.flatMap((part, i) => (i ? [", ", part] : [part])) : "All within their limits"}
      {parts.length ? ", " : ": "}{parts.length ? `${count(of.length - suffering - at_ - near)} well` : many(of.length, what)}
    </h1>
  );
}

function Skeleton() {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      <div class="strip">{[1, 2, 3, 4, 5, 6].map((i) => <div key={i} class="tile" />)}</div>
      <div class="block" />
    </div>
  );
}

