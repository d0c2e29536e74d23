// Numbers for people. Nothing is made up: what is absent is an empty text.

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** Three digits at most before a unit: 0.42, 9.8, 98, 980. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.005) return "<0.01";
  if (size < 9.995) return value.toFixed(size < 0.995 ? 2 : 1);
  return value.toFixed(0);
}

/** A number of bytes and its unit, apart. */
export function inBytes(value: number): [string, string] {
  let [size, at] = [value, 0];
  while (Math.abs(size) >= 1023.5 && at < BINARY.length - 1) {
    size /= 1024;
    at += 1;
  }
  const digits = at === 0 || Math.abs(size) >= 99.95 ? 0 : 1;
  return [size.toFixed(digits), BINARY[at] as string];
}

export function bytes(value: number | undefined | null): string {
  return value == null ? "" : inBytes(value).join(" ");
}

/** Bytes a second. */
export function rate(value: number | undefined | null): string {
  if (value == null) return "";
  return value < 0.5 ? "0" : `${bytes(value)}/s`;
}

/** A share of one as percent. */
export function share(value: number | undefined | null): string {
  return value == null ? "" : percent(value * 100);
}

export function percent(value: number | undefined | null): string {
  if (value == null) return "";
  if (value > 0 && value < 0.1) return "<0.1 %";
  return `${value < 9.95 && value > 0 ? value.toFixed(1) : value.toFixed(0)} %`;
}

export function count(value: number | undefined | null): string {
  return value == null ? "" : Math.round(value).toLocaleString("en");
}

/** A number a second, of things. */
export function perSecond(value: number | undefined | null): string {
  return value == null ? "" : `${short(value)}/s`;
}

/** Seconds in at most two units, or in one: 43 s, 5 min, 3 h 20 min, 12 d. */
export function duration(seconds: number, units: 1 | 2 = 2): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 10 && units === 2) return min % 60 ? `${h} h ${min % 60} min` : `${h} h`;
  if (h < 48) return `${h} h`;
  return `${Math.floor(h / 24)} d`;
}

/** How long ago that instant is; empty for none, and for Go's year one. */
export function age(at: string | undefined, now: number, units: 1 | 2 = 2): string {
  if (!at || at.startsWith("0001")) return "";
  const then = Date.parse(at);
  return Number.isNaN(then) ? "" : duration((now - then) / 1000, units);
}

/** An instant in the reader's own time. */
export function clock(at: string | number): string {
  const date = new Date(at);
  const time = date.toLocaleTimeString("en-GB");
  return date.toDateString() === new Date().toDateString()
    ? time
    : `${date.toLocaleDateString("en-CA")} ${time}`;
}

/** 1 container, 2 containers. */
export function many(n: number, one: string, more = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : more}`;
}
