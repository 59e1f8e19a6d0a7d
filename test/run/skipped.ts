import type { Result } from "./result.ts";
import type { Suite } from "./suites.ts";

export interface Ran {
  readonly suite: Pick<Suite, "name" | "tests">;
  readonly results: readonly Result[];
}

const places = { unit: "on both runtimes", integration: "on both hosts" };

/** A failure for each test that was skipped wherever it ran. */
export function skippedEverywhere(runs: readonly Ran[], suites: readonly Ran["suite"][]): Result[] {
  return (["unit", "integration"] as const).flatMap(tests => {
    const these = runs.filter(({ suite }) => suite.tests === tests);
    // One run of two, because only that was asked for: it says nothing about the other.
    if (these.length < suites.filter(suite => suite.tests === tests).length) return [];
    const skipped = these.map(({ results }) => results.filter(result => result.kind === "skipped"));
    return (skipped[0] ?? []).flatMap(({ name }): Result[] => {
      const all = skipped.map(results => results.find(result => result.name === name));
      if (all.includes(undefined)) return [];
      const reasons = [...new Set(all.map(result => result?.reason).filter(reason => reason))].join("; ");
      return [{ kind: "failed", name: `skipped ${places[tests]}: ${name}: ${reasons}`, details: "" }];
    });
  });
}
