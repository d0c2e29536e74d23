// Small things that several views are made of.

import type { ComponentChildren } from "preact";
import { inBytes, share } from "./units";

/** The load-line mark. */
export function Mark({ size = 20 }: { size?: number }) {
  return (
    <svg class="mark" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true">
      <circle cx="12" cy="12" r="7.5" fill="none" stroke="currentColor" stroke-width="2.4" />
      <line x1="1" y1="12" x2="23" y2="12" stroke="currentColor" stroke-width="2.4" />
    </svg>
  );
}

const DEGREES = ["", "near its load line", "at its load line", "suffering"];

/** How bad: a form and a word besides the colour. */
export function Degree({ severity }: { severity: number | undefined }) {
  if (!severity) return <span class="degree" />;
  return (
    <span class={`degree s${severity}`} title={DEGREES[severity]}>
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
        <circle cx="8" cy="8" r="5.2" fill={severity > 2 ? "currentColor" : "none"} stroke="currentColor" stroke-width="1.8" />
        <line x1="0" y1="8" x2="16" y2="8" stroke={severity > 2 ? "var(--panel)" : "currentColor"} stroke-width="1.8" />
      </svg>
      <span class="sr">{DEGREES[severity]}</span>
    </span>
  );
}

/** A line of the last minute. `top` is what the full height stands for, at least. */
export function Sparkline({ line, top, width = 88, height = 18 }: { line: (number | null)[] | undefined; top: number; width?: number; height?: number }) {
  if (!line || line.length < 2) return <svg class="spark" width={width} height={height} aria-hidden="true" />;
  const most = Math.max(top, ...line.map((value) => value ?? 0)) || 1;
  const step = width / 29;
  const left = width - step * (line.length - 1);
  let path = "";
  let drawn = false;
  line.forEach((value, at) => {
    if (value === null) {
      drawn = false;
      return;
    }
    const [x, y] = [left + at * step, height - 1 - (value / most) * (height - 2)];
    path += `${drawn ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    drawn = true;
  });
  return (
    <svg class="spark" width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <path d={path} fill="none" stroke="currentColor" stroke-width="1.25" stroke-linejoin="round" />
    </svg>
  );
}

/** How a use stands to its limit. */
export const degree = (part: number | undefined): string =>
  part === undefined ? "" : part >= 0.95 ? "s3" : part >= 0.8 ? "s2" : "";

/** How much of a limit is used: the bar's end is the load line. */
export function Bar({ part, label }: { part: number; label?: string }) {
  const style = { width: `${Math.min(100, Math.max(0, part * 100)).toFixed(1)}%` };
  return (
    <span class={`bar ${degree(part)}`} role={label ? "img" : undefined} aria-label={label ? `${label}: ${share(part)}` : undefined}>
      <span style={style} />
    </span>
  );
}

/** A number with its unit in a softer tone. */
export function Number({ of, unit }: { of: string; unit?: string }) {
  return (
    <>
      {of}
      {unit && <small> {unit}</small>}
    </>
  );
}

export function Bytes({ of, per }: { of: number | undefined | null; per?: boolean }) {
  if (of == null) return null;
  if (of < 0.5) return <span class="zero">0</span>;
  const [size, unit] = inBytes(of);
  return <Number of={size} unit={per ? `${unit}/s` : unit} />;
}

/** What stands where there is nothing: why, and what to do. As the whole of a view it is its heading too. */
export function Empty({ title, children, tone, whole }: { title: string; children?: ComponentChildren; tone?: "bad" | undefined; whole?: boolean }) {
  return (
    <div class={`empty ${tone ?? ""}`} role={tone ? "alert" : undefined}>
      <Mark size={36} />
      {whole ? <h1>{title}</h1> : <h2>{title}</h2>}
      {children}
    </div>
  );
}

/** Names and values. */
export function Facts({ of }: { of: [string, ComponentChildren][] }) {
  const told = of.filter(([, value]) => value !== "" && value !== undefined && value !== null && value !== false);
  return (
    <dl class="facts">
      {told.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** What is used of what there is; a unit that both share is told once. */
export function Used({ of, limit }: { of: number; limit: number | undefined }) {
  if (!limit) return <Bytes of={of} />;
  const [[size, unit], [whole, its]] = [inBytes(of), inBytes(limit)];
  return <Number of={size} unit={`${unit === its ? "" : `${unit} `}of ${whole} ${its}`} />;
}
