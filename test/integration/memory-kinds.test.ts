/** Kinds of memory that are limited by themselves, or counted by age: huge pages, compressed swap, memory file systems. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readLayout } from "../../src/cgroup/layout.ts";
import { eventually, execute, Rig, TOOL } from "../rig/rig.ts";
import { Rootfs } from "../rig/rootfs.ts";

const pure = readLayout().kind === "v2";
const skip = pure
  ? false
  : "the machine has version 1 beside version 2, and settings for all of it are not ours to change";

/** Sets something for the whole machine, and back again. */
function machineWide(path: string, value: string): Disposable {
  const before = readFileSync(path, "utf8").trim();
  writeFileSync(path, value);
  return { [Symbol.dispose]: () => writeFileSync(path, before) };
}

const MB = 1 << 20;

test("huge pages: mapped up to the limit, refused beyond; counted, and free again without", {
  skip,
}, async () => {
  using _pages = machineWide("/proc/sys/vm/nr_hugepages", "16");
  await using rig = Rig.create();
  const container = await rig.create("/a", { memory: { hugetlb: [{ page_size: "2MB", limit: 8 * MB }] } });
  await using holder = await container.run([TOOL, "hugepages", String(6 * MB), "1000"], { stdio: "ignore" });
  const pages = async () => (await container.stats()).memory?.hugetlb?.find(each => each.page_size === "2MB");
  await eventually(pages, seen => seen?.usage === BigInt(6 * MB), "they are not counted");
  assert.equal((await pages())?.limit, BigInt(8 * MB));
  const more = await rig.tool(container, "hugepages", String(6 * MB));
  assert.ok(more.stdout.startsWith("refused") || more.signal === "SIGBUS", `${more.stdout} ${more.signal}`);
  const beside = await rig.create("/beside");
  assert.match((await rig.tool(beside, "hugepages", String(6 * MB))).stdout, /^used/);
  await container.update({ memory: { hugetlb: [{ page_size: "2MB", limit: 16 * MB }] } });
  assert.match((await rig.tool(container, "hugepages", String(6 * MB))).stdout, /^used/);
  const none = { memory: { hugetlb: [{ page_size: "2MB", limit: 0 }] } };
  await assert.rejects(container.update(none), { errno: "EBUSY", hint: /uses more of them/ });
  await holder.kill("SIGKILL");
  await holder.exited;
  await container.update(none);
  assert.doesNotMatch((await rig.tool(container, "hugepages", String(2 * MB))).stdout, /^used/);
  await container.update({}, { mode: "replace" });
  assert.match((await rig.tool(container, "hugepages", String(6 * MB))).stdout, /^used/);
  await assert.rejects(rig.create("/bad", { memory: { hugetlb: [{ page_size: "3MB", limit: 1 }] } }), {
    code: "INVALID_ARGUMENT",
    message: /page_size "3MB": this machine has .*2MB/,
  });
});

test("compressed swap: used, and not by a container that may have none", { skip }, async t => {
  if (!existsSync("/sys/module/zswap/parameters/enabled")) return t.skip("a kernel without zswap");
  const directory = mkdtempSync(join(tmpdir(), "lmctfy-swap-"));
  const file = join(directory, "swap");
  const made = await execute("sh", [
    "-c",
    `dd if=/dev/zero of=${file} bs=1M count=128 && chmod 600 ${file} && mkswap ${file} && swapon ${file}`,
  ]);
  try {
    assert.equal(made.code, 0, made.stderr);
    using _enabled = machineWide("/sys/module/zswap/parameters/enabled", "Y");
    await using rig = Rig.create();
    const used = async (name: string, memory: object) => {
      const container = await rig.create(name, { memory: { limit: 20 * MB, ...memory } });
      await using _hog = await container.run([TOOL, "memhog", String(50 * MB), "1000"], { stdio: "ignore" });
      const stats = async () => (await container.stats()).memory!;
      return await eventually(stats, ({ swap_usage }) => swap_usage! >= 25n << 20n, "it does not swap");
    };
    const free = await used("/free", {});
    assert.ok(free.zswap_usage! > 0n, `${free.zswap_usage}`);
    assert.equal(free.zswap_limit, -1n);
    const none = await used("/none", { zswap_limit: 0 });
    assert.deepEqual([none.zswap_usage, none.zswap_limit], [0n, 0n]);
  } finally {
    await execute("swapoff", [file]);
    rmSync(directory, { recursive: true });
  }
});

test("pages by age, where the kernel sorts them", { skip }, async t => {
  const enabled = "/sys/kernel/mm/lru_gen/enabled";
  if (!existsSync(enabled)) return t.skip("a kernel without the multi-generational LRU");
  using _enabled = machineWide(enabled, "7");
  const mounted = existsSync("/sys/kernel/debug/lru_gen");
  if (!mounted)
    assert.equal((await execute("mount", ["-t", "debugfs", "debugfs", "/sys/kernel/debug"])).code, 0);
  try {
    await using rig = Rig.create();
    const container = await rig.create("/a", { memory: { limit: 100 * MB } });
    await using _hog = await container.run([TOOL, "memhog", String(30 * MB), "1000"], { stdio: "ignore" });
    const idle = async () => (await container.stats()).memory!.idle_page?.stats ?? [];
    const ages = await eventually(
      idle,
      ([all]) => (all?.dirty_swap ?? 0n) >= 29n << 20n,
      "they are not counted",
    );
    assert.ok(ages.every((each, i) => i === 0 || each.age_in_secs! > ages[i - 1]!.age_in_secs!));
    // nobody touches them: they grow older
    const oldest = () =>
      idle().then(all => all.findLast(({ dirty_swap }) => dirty_swap! >= 25n << 20n)?.age_in_secs ?? 0);
    const first = await oldest();
    await eventually(oldest, age => age > first, "they stay young");
  } finally {
    if (!mounted) await execute("umount", ["/sys/kernel/debug"]);
  }
});

test("a memory file system counts as memory of who writes to it, and has a size of its own", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const container = await rig.create("/a", {
    memory: { limit: 60 * MB },
    virtual_host: {},
    filesystem: {
      rootfs: files.path,
      mounts: {
        mount: [
          { type: "TMPFS", target: "/small", size: 10 * MB },
          { type: "TMPFS", target: "/large" },
        ],
      },
    },
  });
  await container.start();
  const write = async (path: string, megabytes: number) => {
    const command = await container.run(
      ["/bin/dd", "if=/dev/zero", `of=${path}`, "bs=1M", `count=${megabytes}`],
      {
        stdio: "ignore",
      },
    );
    return command.exited;
  };
  assert.equal((await write("/large/a", 20)).exitCode, 0);
  const { memory } = await container.stats();
  assert.ok(memory!.hierarchical_data!.shmem! >= 20n << 20n, `${memory!.hierarchical_data!.shmem}`);
  assert.ok(memory!.usage! >= 20n << 20n);
  assert.equal((await write("/small/a", 20)).exitCode, 1); // no space left
  assert.equal((await write("/large/b", 100)).reason, "oom");
  await assert.rejects(rig.create("/b", { memory: { tmpfs: { path: ["/tmp"] } } }), {
    code: "UNIMPLEMENTED",
    message: /memory\.tmpfs \(every tmpfs is charged to whoever writes to it; filesystem\.mounts mounts one/,
  });
  await assert.rejects(rig.create("/b", { memory: { dirty: { ratio: 5 } } }), {
    code: "UNIMPLEMENTED",
    message: /memory\.dirty \(the kernel has one setting for the whole machine/,
  });
});
