// What cannot be shown on this machine, why, and what would give it.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { BASE, ask, reason } from "./base";
import { Empty } from "./parts";
import type { Lack } from "./types";

export const lacks = signal<Lack[] | undefined>(undefined);
const trouble = signal("");

export function look(): void {
  ask<Lack[] | null>("plimsoll/v1/missing").then(
    (told) => { lacks.value = told ?? []; trouble.value = ""; },
    (error: unknown) => { trouble.value = reason(error); },
  );
}

export function Missing() {
  useEffect(look, []);
  const all = lacks.value;
  return (
    <>
      <h1>What is missing</h1>
      <p class="under"><span>What this machine, its kernel or the rights of the program do not give, and what would.</span><a href={`${BASE}validate/`}>As plain text</a></p>
      {!all
        ? trouble.value && <Empty title="It cannot be read" tone="bad"><p>{trouble.value}</p></Empty>
        : all.length
          ? <ul class="lacks">{all.map((lack) => (
              <li key={lack.feature + lack.reason}>
                <h2>{lack.feature}</h2>
                <p>{lack.reason}</p>
                {lack.remedy && <p class="remedy"><b>What to do</b> {lack.remedy}</p>}
              </li>))}</ul>
          : <Empty title="Nothing is missing"><p>Everything that the program can measure is there.</p></Empty>}
    </>
  );
}
