import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNumaStat } from "./numa.ts";

test("pages by node, alone and with all below", () => {
  const stats = parseNumaStat(
    "total=12 N0=10 N1=2\nfile=8 N0=8 N1=0\nodd=1 N0=1\nhierarchical_total=20 N0=18 N1=2\nhierarchical_anon=3 N0=3\n",
  );
  const node = (level: number, page_count: bigint) => ({ level, page_count });
  assert.deepEqual(stats, {
    container_data: {
      total: { total_page_count: 12n, node: [node(0, 10n), node(1, 2n)] },
      file: { total_page_count: 8n, node: [node(0, 8n), node(1, 0n)] },
    },
    hierarchical_data: {
      total: { total_page_count: 20n, node: [node(0, 18n), node(1, 2n)] },
      anon: { total_page_count: 3n, node: [node(0, 3n)] },
    },
  });
});

test("a kernel without NUMA", () => {
  assert.equal(parseNumaStat(undefined), undefined);
});
