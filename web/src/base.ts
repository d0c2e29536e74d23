// Where the page is at home, and how it asks.

const script = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : location.href;

/** The prefix with its slash, whatever proxies put before it: this script is `<prefix>/static/page.js`. */
export const BASE = new URL("..", script).pathname;

/** The address of an API route below `/api/`. */
export const api = (path: string): string => `${BASE}api/${path}`;

/** A cgroup name as a path: each part escaped, the slashes kept. */
export const escaped = (name: string): string => name.split("/").map(encodeURIComponent).join("/");

/** An answer that is no success, with the program's own sentence. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    sentence: string,
  ) {
    super(sentence);
  }
}

/** What went wrong, in words for people. */
export function reason(error: unknown): string {
  if (error instanceof Refused) return error.message;
  return "The program does not answer. Is it still running, and can this browser reach it?";
}

export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await fetch(api(path), { signal: signal ?? null, credentials: "same-origin" });
  if (!answer.ok) {
    const text = (await answer.text()).trim();
    throw new Refused(answer.status, text || `the answer was ${answer.status} ${answer.statusText}`);
  }
  return (await answer.json()) as T;
}
