import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FakeCgroups, PURE_V2, SEPARATE_V1 } from "../../../test/rig/fake-cgroups.ts";
import type { ContainerSpec, HugetlbLimit } from "../../spec/index.ts";
import { checkSpec, createSteps, updateSteps } from "../index.ts";
import { checkHugetlb, pageSizes } from "./hugetlb.ts";
import { parseGenerations } from "./idle.ts";

const MB2 = new Map([["2MB", 2n << 20n]]);

test("sizes have the kernel's names", () => {
  const path = mkdtempSync(join(tmpdir(), "lmctfy-hugepages-"));
  try {
    for (const kilobytes of [64, 2048, 1_048_576, 16_777_216])
      mkdirSync(join(path, `hugepages-${kilobytes}kB`));
    const sizes = pageSizes(path);
    assert.deepEqual([...sizes.keys()].sort(), ["16GB", "1GB", "2MB", "64KB"]);
    assert.equal(sizes.get("2MB"), 2n << 20n);
    assert.equal(pageSizes("/no/such").size, 0);
  } finally {
    rmSync(path, { recursive: true });
  }
});

test("what makes no sense is refused by name", () => {
  const refused = (hugetlb: HugetlbLimit[], message: RegExp) =>
    assert.throws(() => checkHugetlb({ hugetlb }, MB2), { code: "INVALID_ARGUMENT", message });
  refused([{ limit: 5n }], /^memory\.hugetlb\[0\]\.page_size is missing/);
  refused([{ page_size: "3MB" }], /\[0\]\.page_size "3MB": this machine has 2MB$/);
  refused([{ page_size: "2MB" }, { page_size: "2MB" }], /\[1\]: there is a limit for 2MB before/);
  refused([{ page_size: "2MB", limit: -2n }], /\[0\]\.limit -2 is out of range/);
  checkHugetlb({ hugetlb: [{ page_size: "2MB", limit: 0n }] }, MB2);
  using none = new FakeCgroups({ mounts: { memory: 1 } });
  const spec: ContainerSpec = { memory: { hugetlb: [] } };
  assert.throws(
    () => checkSpec(spec, { cgroups: none.cgroups, name: "/a" }),
    /memory\.hugetlb needs the hugetlb controller/,
  );
  using v1 = new FakeCgroups(SEPARATE_V1);
  assert.throws(
    () => checkSpec({ memory: { zswap_limit: 0n } }, { cgroups: v1.cgroups, name: "/a" }),
    /zswap_limit needs cgroup v2/,
  );
});

test("the controller is set up for who asks, and limits go again", {
  skip: pageSizes().has("2MB") ? false : "no pages of 2 MB",
}, () => {
  using fake = new FakeCgroups(PURE_V2);
  const { cgroups } = fake;
  const spec: ContainerSpec = { memory: { hugetlb: [{ page_size: "2MB", limit: 4_194_304n }] } };
  const about = (lines: string[]) => lines.filter(line => line.includes("hugetlb"));
  const set = [
    "write unified/sub/a/hugetlb.2MB.max 4194304",
    "write unified/sub/a/hugetlb.2MB.rsvd.max 4194304 (optional)",
  ];
  const offer = [
    "write unified/cgroup.subtree_control +hugetlb",
    "write unified/sub/cgroup.subtree_control +hugetlb",
  ];
  assert.deepEqual(about(fake.lines(createSteps(cgroups, "/a", spec))), [...offer, ...set]);
  assert.deepEqual(about(fake.lines(createSteps(cgroups, "/a", { memory: {} }))), []);
  const update = (next: ContainerSpec, before: ContainerSpec) =>
    about(fake.lines(updateSteps(next, { cgroups, name: "/a", below: [], before })));
  fake.write("unified/sub/a/hugetlb.2MB.max", "max\n");
  assert.deepEqual(update(spec, {}), [...offer, set[0]]);
  fake.write("unified/sub/a/hugetlb.2MB.max", "4194304\n");
  fake.write("unified/sub/a/hugetlb.2MB.rsvd.max", "4194304\n");
  const odd: ContainerSpec = { memory: { hugetlb: [{ page_size: "2MB", limit: 5_000_000n }] } };
  assert.deepEqual(update(odd, spec), offer); // the same pages
  assert.deepEqual(update({}, spec), [
    "write unified/sub/a/hugetlb.2MB.max max",
    "write unified/sub/a/hugetlb.2MB.rsvd.max max",
  ]);
  assert.deepEqual(update({}, {}), []);
});

test("generations of pages, by the cgroup they are of", () => {
  const found = parseGenerations(`memcg     1 /
 node     0
          0     691330          0        9130x
          1     691330        520       58103
memcg    77 /sub/a b
 node     0
          7      12345         10          -3
            0          0           0r          0e          0p          0           0           0${" "}
          8        999         20           1
`);
  assert.deepEqual([...found.keys()], ["/", "/sub/a b"]);
  assert.deepEqual(found.get("/sub/a b"), [
    { ageMs: 12345, anon: 40_960n, file: 0n },
    { ageMs: 999, anon: 81_920n, file: 4096n },
  ]);
  assert.equal(found.get("/")![0]!.file, 9130n * 4096n);
});
