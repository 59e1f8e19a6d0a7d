/** memory.numa_stat of version 1: `total=12 N0=10 N1=2`, and the same with `hierarchical_` for all below as well. */
import type { NumaData, NumaStat, NumaStats } from "../../spec/index.ts";

const KINDS = ["total", "file", "anon", "unevictable"] as const;
const HIERARCHICAL = "hierarchical_";

/** Undefined for a kernel that does not know of NUMA. */
export function parseNumaStat(text: string | undefined): NumaStats | undefined {
  if (text === undefined) return undefined;
  const own: NumaData = {};
  const all: NumaData = {};
  for (const line of text.split("\n")) {
    const below = line.startsWith(HIERARCHICAL);
    const [head = "", ...nodes] = (below ? line.slice(HIERARCHICAL.length) : line).split(" ");
    const kind = KINDS.find(each => head.startsWith(`${each}=`));
    if (kind !== undefined) (below ? all : own)[kind] = parseStat(head, nodes);
  }
  return { container_data: own, hierarchical_data: all };
}

function parseStat(head: string, nodes: readonly string[]): NumaStat {
  const pages = (pair: string) => BigInt(pair.slice(pair.indexOf("=") + 1));
  return {
    total_page_count: pages(head),
    node: nodes
      .filter(pair => /^N\d+=\d+$/.test(pair))
      .map(pair => ({ level: Number.parseInt(pair.slice(1), 10), page_count: pages(pair) })),
  };
}
