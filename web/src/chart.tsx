// Lines over the kept past. All charts share the cursor and the zoom.

import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { theme } from "./settings";
import type { Column } from "./types";
import { clock, duration } from "./units";

export interface Line {
  label: string;
  data: Column;
  /** What it tells, where the line lies on others and so stands higher. */
  own?: Column;
  /** Where its label leads. */
  href?: string;
  /** A colour's name in the stylesheet. */
  color: string;
  fill?: boolean;
  dash?: boolean;
}

export interface Moment {
  at: number;
  text: string;
  bad: boolean;
}

/** The part of the past that all charts show, in seconds; absent for all of it. */
export const zoom = signal<[number, number] | undefined>(undefined);

const color = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** What lies on another hides it: a tone of its own instead of a veil. */
const solid = (ink: string): string => `color-mix(in srgb, ${ink} 45%, ${color("panel")})`;

interface ChartProps {
  title: string;
  /** What it shows and when to worry. */
  about?: string;
  at: number[];
  lines: Line[];
  show: (value: number) => string;
  /** What the scale reaches at least. */
  top?: number;
  moments?: Moment[];
  note?: string;
  /** Sizes in bytes: steps of the scale are powers of two. */
  binary?: boolean;
  height?: number;
}

const BINARY_STEPS = Array.from({ length: 50 }, (_, n) => 2 ** n);
const STEPS = uPlot.paths.stepped?.({ align: 1 });
const TIMES: uPlot.Axis.Values = (plot, splits, __, ___, step) =>
  splits.map((second) => {
    const text = new Date(second * 1000).toLocaleTimeString("en-GB");
    const short = step >= 60 ? text.slice(0, 5) : text;
    // half of it would be cut off
    return plot.valToPos(second, "x") > plot.bbox.width / uPlot.pxRatio - short.length * 2.5 ? "" : short;
  });

function options({ lines, show, top, binary }: ChartProps, width: number, height: number, told: (at: number | undefined) => void, moments: () => Moment[]): uPlot.Options {
  const [soft, line, panel] = [color("soft"), color("line"), color("panel")];
  const font = "11px system-ui, sans-serif";
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    cursor: {
      sync: { key: "plimsoll", setSeries: false },
      drag: { x: true, y: false, setScale: false },
      points: { size: 6, fill: panel },
      y: false,
    },
    scales: {
      x: { time: true, range: (_, min, max) => zoom.peek() ?? [min, max] },
      y: { range: (_, __, max) => [0, Math.max(top ?? 0, (max || 0) * 1.08) || 1] },
    },
    axes: [
      { stroke: soft, font, size: 26, grid: { show: false }, ticks: { stroke: line, size: 4 }, values: TIMES, space: 70 },
      {
        stroke: soft, font, size: 62, gap: 6, space: 26, grid: { stroke: line, width: 1 }, ticks: { show: false },
        values: (_, splits) => splits.map((value) => (value === 0 ? "0" : show(value))),
        ...(binary ? { incrs: BINARY_STEPS } : {}),
      },
    ],
    series: [
      {},
      ...lines.map((one): uPlot.Series => ({
        label: one.label,
        stroke: color(one.color),
        width: one.dash ? 1.25 : 1.5,
        // a limit holds until it is changed: no slope leads from one to the next
        ...(one.dash ? { dash: [6, 4], ...(STEPS ? { paths: STEPS } : {}) } : {}),
        ...(one.fill ? { fill: one.own ? solid(color(one.color)) : `${color(one.color)}2e` } : {}),
        points: { show: false },
        spanGaps: false,
      })),
    ],
    hooks: {
      setCursor: [(plot) => told(plot.cursor.idx ?? undefined)],
      setSelect: [
        (plot) => {
          if (plot.select.width < 6) return;
          const [from, to] = [plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x")];
          plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          zoom.value = [from, to];
        },
      ],
      draw: [
        (plot) => {
          const { ctx, bbox } = plot;
          ctx.save();
          for (const { at, bad } of moments()) {
            const x = plot.valToPos(at, "x", true);
            if (x < bbox.left || x > bbox.left + bbox.width) continue;
            ctx.strokeStyle = color(bad ? "bad" : "soft");
            ctx.lineWidth = devicePixelRatio;
            ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
            ctx.beginPath();
            ctx.moveTo(x, bbox.top);
            ctx.lineTo(x, bbox.top + bbox.height);
            ctx.stroke();
          }
          ctx.restore();
        },
      ],
    },
  };
}

const last = (data: Column): number | undefined => {
  for (let i = data.length - 1; i >= 0; i -= 1) if (data[i] != null) return data[i] as number;
  return undefined;
};

export function Chart(props: ChartProps) {
  const { title, about, at, lines, show, note } = props;
  const [explained, setExplained] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const moments = useRef<Moment[]>([]);
  moments.current = props.moments ?? [];
  const [cursor, setCursor] = useState<number | undefined>(undefined);
  const painted = theme.value;
  const shown = zoom.value;
  const shape = lines.map((line) => line.label).join("|");

  useLayoutEffect(() => {
    const host = box.current;
    if (!host) return;
    const height = props.height ?? 168;
    const made = new uPlot(options(props, host.clientWidth || 400, height, setCursor, () => moments.current), [at, ...lines.map((line) => line.data)], host);
    plot.current = made;
    const sized = new ResizeObserver(() => made.setSize({ width: host.clientWidth, height }));
    sized.observe(host);
    const all = (): void => { zoom.value = undefined; };
    made.over.addEventListener("dblclick", all);
    return () => {
      sized.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [painted, shape, props.top]);

  useEffect(() => {
    plot.current?.setData([at, ...lines.map((line) => line.data)], true);
  }, [at, shown, props.moments]);

  const index = cursor !== undefined && cursor < at.length ? cursor : undefined;
  const summary = lines.map((line) => {
    const told = line.own ?? line.data;
    const now = last(told);
    return now === undefined ? "" : `${line.label} ${show(now)}, at most ${show(told.reduce((most: number, value) => Math.max(most, value ?? 0), 0))}`;
  }).filter(Boolean).join("; ");
  const span = at.length > 1 ? duration((at[at.length - 1] as number) - (at[0] as number)) : "";
  return (
    <figure class="chart">
      <figcaption>
        <h3>
          {title}
          {about && <button type="button" class="about" aria-expanded={explained} aria-label={`About ${title}`} onClick={() => setExplained(!explained)}>?</button>}
        </h3>
        <ul class="legend" aria-hidden={lines.some((line) => line.href) ? undefined : "true"}>
          {lines.map((line) => {
            const told = line.own ?? line.data;
            const value = index === undefined ? last(told) : told[index];
            return (
              <li key={line.label}>
                <svg width="12" height="8" aria-hidden="true"><line x1="0" y1="4" x2="12" y2="4" stroke={`var(--${line.color})`} stroke-width="2.5" {...(line.dash ? { "stroke-dasharray": "4 2.5" } : {})} /></svg>
                {line.href ? <a class="clip" href={line.href}>{line.label}</a> : line.label} <b>{value == null ? "–" : show(value)}</b>
              </li>
            );
          })}
          {index !== undefined && <li class="when">{clock((at[index] as number) * 1000)}</li>}
        </ul>
      </figcaption>
      {about && explained && <p class="note">{about}</p>}
      <div ref={box} class="plot" role="img" aria-label={`${title} over ${span}: ${summary || "no numbers"}`} />
      {note && <p class="note">{note}</p>}
    </figure>
  );
}
