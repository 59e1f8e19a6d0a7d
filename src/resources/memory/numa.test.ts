import assert from "node:assert/strict";
import { test } from "node:test";
import { numaOfOneNode, parseNumaStat1, parseNumaStat2 } from "./numa.ts";

const node = (level: number, page_count: bigint) => ({ level, page_count });

test("v1: pages by node, alone and with all below", () => {
  const stats = parseNumaStat1(
    "total=12 N0=10 N2=2\nfile=8 N0=8 N2=0\nodd=1 N0=1\nhierarchical_total=20 N0=18 N2=2\nhierarchical_anon=3 N0=3\n",
  );
  assert.deepEqual(stats, {
    container_data: {
      total: { total_page_count: 12n, node: [node(0, 10n), node(2, 2n)] },
      file: { total_page_count: 8n, node: [node(0, 8n), node(2, 0n)] },
    },
    hierarchical_data: {
      total: { total_page_count: 20n, node: [node(0, 18n), node(2, 2n)] },
      anon: { total_page_count: 3n, node: [node(0, 3n)] },
    },
  });
});

test("v2: bytes of more kinds come to the same pages", () => {
  const text = `anon N0=40960 N1=0
file N0=0 N1=8192
inactive_anon N0=36864 N1=0
active_anon N0=4096 N1=0
inactive_file N0=0 N1=4096
active_file N0=0 N1=4096
unevictable N0=0 N1=12288
slab_reclaimable N0=77 N1=99
`;
  const stats = parseNumaStat2(text, "inactive_anon N0=4096 N1=8192\n")!;
  assert.deepEqual(stats.hierarchical_data, {
    file: { total_page_count: 2n, node: [node(0, 0n), node(1, 2n)] },
    anon: { total_page_count: 10n, node: [node(0, 10n), node(1, 0n)] },
    unevictable: { total_page_count: 3n, node: [node(0, 0n), node(1, 3n)] },
    total: { total_page_count: 15n, node: [node(0, 10n), node(1, 5n)] },
  });
  assert.deepEqual(stats.container_data?.anon, { total_page_count: 3n, node: [node(0, 1n), node(1, 2n)] });
  assert.deepEqual(stats.container_data?.total, stats.container_data?.anon);
});

test("one node: memory.stat tells it all", () => {
  const stat = new Map([
    ["inactive_anon", 4096n],
    ["active_file", 8192n],
    ["total_inactive_anon", 8192n],
    ["unevictable", 0n],
    ["total_unevictable", 4096n],
  ]);
  const { container_data, hierarchical_data } = numaOfOneNode(stat, stat, "total_")!;
  assert.deepEqual(container_data?.total, { total_page_count: 3n, node: [node(0, 3n)] });
  assert.deepEqual(container_data?.file, { total_page_count: 2n, node: [node(0, 2n)] });
  assert.deepEqual(hierarchical_data?.anon, { total_page_count: 2n, node: [node(0, 2n)] });
  assert.deepEqual(hierarchical_data?.unevictable, { total_page_count: 1n, node: [node(0, 1n)] });
});

test("a kernel without NUMA", () => {
  assert.equal(parseNumaStat1(undefined), undefined);
  assert.equal(parseNumaStat2(undefined), undefined);
  assert.equal(numaOfOneNode(new Map(), new Map()), undefined);
});
