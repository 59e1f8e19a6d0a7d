import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type CgroupLayout, parseLayout } from "./layout.ts";
import { isReachable, parseMountinfo } from "./mountinfo.ts";

const ROOT = "1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n2 1 0:5 / /sys rw - sysfs sysfs rw\n";

const none = () => [];
const parse = (
  mountinfo: string,
  v2: (mountPoint: string) => string[] = none,
  procCgroups = "",
): CgroupLayout => parseLayout(mountinfo, procCgroups, v2);

/** `1 /sys/fs/cgroup/cpu cpu,cpuacct` for each hierarchy. */
const brief = ({ kind, hierarchies }: CgroupLayout) => [
  kind,
  ...hierarchies.map(each => `${each.version} ${each.mountPoint} ${each.controllers.join()}`),
];

test("systemd's unified layout", () => {
  const mountinfo = `${ROOT}30 2 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n`;
  const layout = parse(mountinfo, at => {
    assert.equal(at, "/sys/fs/cgroup");
    return ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"];
  });
  assert.deepEqual(brief(layout), ["v2", "2 /sys/fs/cgroup cpu,cpuset,hugetlb,io,memory,misc,pids,rdma"]);
});

test("systemd's hybrid layout: co-mounted controllers, a named hierarchy, a unified mount without controllers", () => {
  const layout = parse(
    `${ROOT}31 2 0:28 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755
32 31 0:29 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw
33 31 0:30 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd
34 31 0:31 / /sys/fs/cgroup/net_cls,net_prio rw shared:15 - cgroup cgroup rw,net_cls,net_prio
35 31 0:32 / /sys/fs/cgroup/cpu,cpuacct rw shared:16 - cgroup cgroup rw,cpu,cpuacct
36 31 0:33 / /sys/fs/cgroup/memory rw shared:17 - cgroup cgroup rw,memory
`,
    () => [""],
  );
  assert.deepEqual(brief(layout), [
    "hybrid",
    "2 /sys/fs/cgroup/unified ",
    "1 /sys/fs/cgroup/net_cls,net_prio net_cls,net_prio",
    "1 /sys/fs/cgroup/cpu,cpuacct cpu,cpuacct",
    "1 /sys/fs/cgroup/memory memory",
  ]);
});

test("a container's view: its own cgroup is the root of the mount", () => {
  const layout = parse(
    `50 40 0:60 / / rw - overlay overlay rw
51 50 0:61 / /sys rw - sysfs sysfs ro
52 51 0:62 / /sys/fs/cgroup ro - tmpfs tmpfs rw
53 52 0:63 /docker/4e5f /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory
54 52 0:64 /docker/4e5f /sys/fs/cgroup/pids ro,nosuid - cgroup cgroup rw,pids
`,
  );
  assert.deepEqual(
    layout.hierarchies.map(each => each.root),
    ["/docker/4e5f", "/docker/4e5f"],
  );
  assert.equal(layout.kind, "v1");
});

test("of several mounts of a hierarchy the first counts, but one that shows all of it before one that does not", () => {
  const layout = parse(`${ROOT}30 1 0:30 /part /jail/memory rw - cgroup cgroup rw,memory
31 2 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 1 0:30 / /mnt/memory rw - cgroup cgroup rw,memory
`);
  assert.deepEqual(brief(layout), ["v1", "1 /sys/fs/cgroup/memory memory"]);
});

test("blanks in a mount point", () => {
  const layout = parse(`${ROOT}30 1 0:30 / /my\\040cgroups\\134x rw - cgroup cgroup rw,memory\n`);
  assert.deepEqual(brief(layout), ["v1", "1 /my cgroups\\x memory"]);
});

test("a mount that another one covers does not count", () => {
  const covered = parse(`${ROOT}30 2 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
31 30 0:31 / /sys/fs/cgroup rw - tmpfs tmpfs rw
32 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
`);
  assert.deepEqual(brief(covered), ["v1", "1 /sys/fs/cgroup/memory memory"]);
  const above = parse(`${ROOT}30 2 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
31 2 0:31 / /sys/fs rw - tmpfs tmpfs rw
`);
  assert.deepEqual(brief(above), ["none"]);
});

test("without a mount on / (a plain chroot) the mounts below still count", () => {
  assert.deepEqual(brief(parse("30 17 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")), [
    "v2",
    "2 /sys/fs/cgroup ",
  ]);
});

test("controllers that were switched off at boot", () => {
  const cgroups =
    "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\nmemory\t0\t1\t0\nodd\t0\t1\t0\n";
  assert.deepEqual(parse("", none, cgroups), { kind: "none", hierarchies: [], disabled: ["memory"] });
});

test("any partition of the controllers over version 1 mounts is found again", () => {
  const controllers = ["blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids"];
  const groups = fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(groups, fc.boolean(), (numbers, unified) => {
      const mounts = new Map<number, string[]>();
      controllers.forEach((controller, index) => {
        const at = numbers[index]!;
        mounts.set(at, [...(mounts.get(at) ?? []), controller]);
      });
      const lines = [...mounts].map(
        ([at, group]) =>
          `${30 + at} 1 0:${30 + at} / /c/${group.join()} rw - cgroup cgroup rw,${group.join()}`,
      );
      if (unified) lines.unshift("20 1 0:20 / /c/unified rw - cgroup2 none rw");
      const layout = parse(`${ROOT}${lines.join("\n")}`);
      assert.equal(layout.kind, unified ? "hybrid" : "v1");
      const found = layout.hierarchies
        .filter(each => each.version === 1)
        .map(each => each.controllers.join());
      assert.deepEqual(found.sort(), [...mounts.values()].map(group => group.join()).sort());
    }),
  );
});

test("whatever mountinfo says, reading it ends", () => {
  const word = fc.constantFrom(
    "-",
    "/",
    "/a",
    "/a/b",
    "1",
    "2",
    "3",
    "cgroup",
    "cgroup2",
    "rw,cpu",
    "\\040",
    "",
  );
  const line = fc.array(word, { maxLength: 12 }).map(words => words.join(" "));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), lines => {
      parse(lines.join("\n"));
      const mounts = parseMountinfo(lines.join("\n"));
      for (const mount of mounts) isReachable(mount, mounts);
    }),
  );
});
