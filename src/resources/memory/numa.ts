/** Where pages are on a NUMA machine: memory.numa_stat, and what follows without it on a machine with one node. */
import { readFileSync } from "node:fs";
import type { NumaData, NumaNode, NumaStat, NumaStats } from "../../spec/index.ts";

type Kind = keyof NumaData;
type Stat = ReadonlyMap<string, bigint>;

const PAGE = 4096n;

/** The lists of pages that the kernel sums up (mm/memcontrol-v1.c, memcg_numa_stat_show). */
const LISTS: { readonly [K in Kind]: readonly string[] } = {
  file: ["inactive_file", "active_file"],
  anon: ["inactive_anon", "active_anon"],
  unevictable: ["unevictable"],
  total: ["inactive_file", "active_file", "inactive_anon", "active_anon", "unevictable"],
};
const KINDS = Object.keys(LISTS) as Kind[];

let single: boolean | undefined;

/** Whether all memory is in one node, number 0: then a file per container less has to be read. */
export function hasOneNode(): boolean {
  single ??= onlineNodes() === "0";
  return single;
}

function onlineNodes(): string | undefined {
  try {
    return readFileSync("/sys/devices/system/node/online", "utf8").trim();
  } catch {
    return undefined; // a kernel that does not know of NUMA
  }
}

/** With one node: from memory.stat of either version. Its fields for a container with all below may have a prefix. */
export function numaOfOneNode(own: Stat, all: Stat, prefix = ""): NumaStats | undefined {
  if (!own.has("unevictable") || !all.has(`${prefix}unevictable`)) return undefined;
  const data = (stat: Stat, start: string): NumaData => dataOf(list => [stat.get(start + list) ?? 0n]);
  return { container_data: data(own, ""), hierarchical_data: data(all, prefix) };
}

/** Version 1: `total=12 N0=10 N1=2` in pages, and the same with `hierarchical_` for all below as well. */
export function parseNumaStat1(text: string | undefined): NumaStats | undefined {
  if (text === undefined) return undefined;
  const own: NumaData = {};
  const all: NumaData = {};
  for (const line of text.split("\n")) {
    const [, below, kind, pages, nodes = ""] = /^(hierarchical_)?(\w+)=(\d+)(.*)/.exec(line) ?? [];
    if (pages === undefined || !KINDS.includes(kind as Kind)) continue;
    (below ? all : own)[kind as Kind] = statOf(BigInt(pages), parseNodes(nodes));
  }
  return { container_data: own, hierarchical_data: all };
}

/** Version 2: `inactive_anon N0=4096 N1=0` in bytes, of a cgroup with all below; `own` is that of the container's leaf. */
export function parseNumaStat2(text: string | undefined, own = text): NumaStats | undefined {
  if (text === undefined) return undefined;
  return { container_data: data2(own!), hierarchical_data: data2(text) };
}

function data2(text: string): NumaData {
  const lists = new Map<string, bigint[]>();
  for (const line of text.split("\n")) {
    const [, list, nodes = ""] = /^(\w+) (.*)/.exec(line) ?? [];
    if (list !== undefined) lists.set(list, parseNodes(nodes));
  }
  return dataOf(list => lists.get(list) ?? []);
}

const parseNodes = (text: string): bigint[] => {
  const nodes: bigint[] = [];
  for (const [, node, value] of text.matchAll(/ ?\bN(\d+)=(\d+)/g)) nodes[Number(node)] = BigInt(value!);
  return nodes;
};

/** @param bytes of a list of pages, by node */
function dataOf(bytes: (list: string) => readonly bigint[]): NumaData {
  return Object.fromEntries(
    KINDS.map(kind => {
      const nodes: bigint[] = [];
      for (const list of LISTS[kind]) {
        for (const [node, value] of bytes(list).entries()) nodes[node] = (nodes[node] ?? 0n) + (value ?? 0n);
      }
      const pages = nodes.map(value => value / PAGE);
      return [
        kind,
        statOf(
          pages.reduce((sum, each) => sum + each, 0n),
          pages,
        ),
      ];
    }),
  );
}

function statOf(total: bigint, pages: readonly (bigint | undefined)[]): NumaStat {
  const node: NumaNode[] = [];
  for (const [level, page_count] of pages.entries()) {
    if (page_count !== undefined) node.push({ level, page_count }); // numbers may be missing
  }
  return { total_page_count: total, node };
}
