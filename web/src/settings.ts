// What this browser remembers.

import { effect, signal } from "@preact/signals";

export type Theme = "auto" | "light" | "dark";

export interface Settings {
  theme: Theme;
  scope: "containers" | "services" | "all";
  group: string;
  sort: string;
  down: boolean;
  paused: boolean;
}

const KEY = "plimsoll";
const USUAL: Settings = { theme: "auto", scope: "containers", group: "", sort: "severity", down: true, paused: false };

function kept(): Settings {
  try {
    const told = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Record<string, unknown>;
    const known = Object.entries(USUAL).filter(([key, usual]) => typeof told[key] === typeof usual);
    return { ...USUAL, ...Object.fromEntries(known.map(([key]) => [key, told[key]])) } as Settings;
  } catch {
    // storage that is closed to us, or what another version wrote
    return USUAL;
  }
}

export const settings = signal<Settings>(kept());

export const set = (change: Partial<Settings>): void => {
  settings.value = { ...settings.peek(), ...change };
};

const dark = matchMedia("(prefers-color-scheme: dark)");
export const theme = signal<"light" | "dark">("light");

effect(() => {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings.value));
  } catch {
    // then it is forgotten
  }
});

function painted(): void {
  const asked = settings.peek().theme;
  theme.value = asked === "auto" ? (dark.matches ? "dark" : "light") : asked;
  document.documentElement.dataset["theme"] = theme.value;
}

effect(() => {
  void settings.value;
  painted();
});
dark.addEventListener("change", painted);
