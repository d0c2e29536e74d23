// The frame around the views: where one can go, whether the numbers are live, the keys.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { zoom } from "./chart";
import { Container } from "./container";
import { Events } from "./events";
import { Machine } from "./machine";
import { Missing, lacks, look } from "./missing";
import { Overview } from "./overview";
import { Mark } from "./parts";
import { type View, ask, go, place, to } from "./route";
import { type Theme, set, settings } from "./settings";
import { at, fault, known, link, machine } from "./store";
import { clock } from "./units";

const VIEWS: [View, string, string][] = [["overview", "Overview", "1"], ["events", "Events", "2"], ["machine", "Machine", "3"], ["missing", "Missing", "4"]];
const THEMES: Theme[] = ["auto", "light", "dark"];
const help = signal(false);

function Live() {
  const state = link.value;
  const text = { connecting: "Connecting", live: "Live", paused: "Paused", lost: "No answer" }[state];
  const paused = settings.value.paused;
  return (
    <button type="button" class={`live ${state}`} aria-pressed={paused} title={`${at.value ? `Numbers of ${clock(at.value)}. ` : ""}${paused ? "Go on" : "Pause"} (p)`} onClick={() => set({ paused: !paused })}>
      <span class="dot" aria-hidden="true" /><span>{text}</span>
    </button>
  );
}

function Help() {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (help.value) box.current?.showModal();
    else box.current?.close();
  }, [help.value]);
  const keys: [string[], string][] = [
    [["/"], "search"], [["↑", "↓"], "walk over the rows (also j and k)"], [["Enter"], "open the row"],
    [["Esc"], "show all of a chart, clear the search, or go back"], [["1", "2", "3", "4"], "Overview, Events, Machine, Missing"],
    [["p"], "pause or go on"], [["t"], "light, dark, or as the system"], [["?"], "these keys"],
  ];
  return (
    <dialog ref={box} class="help" onClose={() => { help.value = false; }} aria-labelledby="keys">
      <h2 id="keys">Keys</h2>
      <dl>{keys.map(([all, what]) => <div key={what}><dt>{all.map((key) => <kbd key={key}>{key}</kbd>)}</dt><dd>{what}</dd></div>)}</dl>
      <h2>Marks</h2>
      <p>The <Mark size={14} /> load line is a container’s limit. A bar’s right end is the limit; it turns amber from 80 % and red from 95 % on. Without a limit there is no bar.</p>
      <form method="dialog"><button>Close</button></form>
    </dialog>
  );
}

function keyed(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target as HTMLElement;
  const typing = target.matches("input, textarea, select");
  if (event.key === "Escape") {
    if (target.closest("dialog")) return;
    if (zoom.peek()) zoom.value = undefined;
    else if (typing) {
      if (target.id === "search" && (target as HTMLInputElement).value) ask({ q: "" });
      else target.blur();
    } else if (place.peek().view === "overview") {
      const query = place.peek().query;
      if (["q", "runtime", "state", "pod", "label"].some((key) => query.has(key))) ask({ q: "", runtime: "", state: "", pod: "", label: "" });
    } else if (history.state !== null || history.length > 1) history.back();
    else go(to("overview"));
    return;
  }
  if (typing || target.closest("dialog")) return;
  const view = VIEWS.find(([, , key]) => key === event.key);
  if (event.key === "/") {
    const search = document.getElementById("search");
    if (search) search.focus();
    else {
      go(to("overview"));
      requestAnimationFrame(() => document.getElementById("search")?.focus());
    }
  } else if (event.key === "?") help.value = !help.peek();
  else if (view) go(to(view[0]));
  else if (event.key === "p") set({ paused: !settings.peek().paused });
  else if (event.key === "t") nextTheme();
  else return;
  event.preventDefault();
}

function nextTheme(): void {
  set({ theme: THEMES[(THEMES.indexOf(settings.peek().theme) + 1) % THEMES.length] as Theme });
}

export function App() {
  const { view } = place.value;
  useEffect(() => {
    document.addEventListener("keydown", keyed);
    look();
    return () => document.removeEventListener("keydown", keyed);
  }, []);
  const name = machine.value?.name ?? "";
  useEffect(() => {
    if (view !== "container") document.title = `${view === "overview" ? name || "Overview" : VIEWS.find(([key]) => key === view)?.[1]} – Plimsoll`;
    zoom.value = undefined;
  }, [place.value.view, place.value.name, name]);
  const theme = settings.value.theme;
  return (
    <>
      <a class="skip" href="#main">To the content</a>
      <header>
        <a class="brand" href={to("overview")} aria-label="Plimsoll: overview"><Mark size={24} /><span>Plimsoll</span></a>
        <nav aria-label="Views">
          {VIEWS.map(([key, text]) => (
            <a key={key} href={to(key)} aria-current={view === key ? "page" : undefined}>
              {text}{key === "missing" && !!lacks.value?.length && <span class="badge">{lacks.value.length}</span>}
            </a>
          ))}
        </nav>
        <span class="where clip">{name}</span>
        <Live />
        <button type="button" class="icon" onClick={nextTheme} aria-label={`Colours: ${theme}`} title={`Colours: ${theme} (t)`}>{theme === "auto" ? "◐" : theme === "light" ? "○" : "●"}</button>
        <button type="button" class="icon help-key" onClick={() => { help.value = true; }} aria-label="Keys" title="Keys (?)">?</button>
      </header>
      {link.value === "lost" && known.value && <p class="outage" role="alert">{fault.value || "The program does not answer."} The numbers are of {clock(at.value)}; trying again.</p>}
      <main id="main" tabIndex={-1}>
        {view === "overview" ? <Overview /> : view === "container" ? <Container /> : view === "events" ? <Events /> : view === "machine" ? <Machine /> : <Missing />}
      </main>
      <Help />
    </>
  );
}
