/** Limits of block devices, as processes meet them: transfers past the page cache to a loop device, and what the kernel counted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openCgroups } from "../../src/cgroup/driver.ts";
import { placesOf } from "../../src/container/places.ts";
import {
  type Container,
  type ContainerSpecInput,
  type ContainerStats,
  LmctfyError,
} from "../../src/index.ts";
import { LoopDevice } from "../rig/loop-device.ts";
import { eventually, execute, Rig, TOOL } from "../rig/rig.ts";
import { controlFiles } from "../rig/settings.ts";

type Rate = [op: "READ" | "WRITE", type: "BYTES_PER_SECOND" | "IO_PER_SECOND", limit: number];

const KB = 1024;

function rates(device: LoopDevice, ...all: Rate[]): ContainerSpecInput {
  return {
    blockio: {
      max_device_limit_set: {
        max_limits: all.map(([op_type, limit_type, limit]) => ({
          op_type,
          limit_type,
          limits: [{ device: { path: device.path }, limit }],
        })),
      },
    },
  };
}

/** Moves `count` blocks; the milliseconds it took. */
async function move(
  rig: Rig,
  container: Container,
  device: LoopDevice,
  op: string,
  block: number,
  count: number,
) {
  const { stdout, exitCode } = await rig.tool(
    container,
    "disk",
    op,
    device.path,
    String(block),
    String(count),
  );
  assert.equal(exitCode, 0);
  return Number(stdout.split(" ")[1]);
}

/** Moves blocks without end. */
function keepMoving(container: Container, device: LoopDevice, op: string, block: number) {
  return container.run([TOOL, "disk", op, device.path, String(block), "0"], { stdio: "ignore" });
}

function countersOf(stats: ContainerStats, device: LoopDevice) {
  const found = stats.blockio?.device?.find(({ name }) => name === device.name);
  const { read_bytes = 0n, write_bytes = 0n, read_ops = 0n, write_ops = 0n } = found ?? {};
  return {
    read: Number(read_bytes),
    written: Number(write_bytes),
    reads: Number(read_ops),
    writes: Number(write_ops),
  };
}

test("bytes per second: a transfer takes the time that it has to, in the limited direction alone", async () => {
  await using rig = Rig.create();
  await using device = await LoopDevice.create();
  const container = await rig.create("/a", rates(device, ["WRITE", "BYTES_PER_SECOND", 512 * KB]));
  // One and a half seconds, less what the kernel lets through at once.
  const limited = await move(rig, container, device, "write", 64 * KB, 12);
  assert.ok(limited >= 1200, `768 kB at 512 kB/s took ${limited} ms`);
  await using writer = await keepMoving(container, device, "write", 64 * KB);
  const before = countersOf(await container.stats(), device);
  const started = performance.now();
  await move(rig, container, device, "read", 64 * KB, 400);
  const after = countersOf(await container.stats(), device);
  const seconds = (performance.now() - started) / 1000;
  const allowed = 512 * KB * (seconds + 0.5);
  assert.ok(after.read - before.read >= 400 * 64 * KB, `read ${after.read - before.read}`);
  assert.ok(
    after.written - before.written <= allowed,
    `${after.written - before.written} bytes in ${seconds} s`,
  );
  await writer.kill("SIGKILL");
});

test("bytes per second of reads, operations per second of writes and reads", async () => {
  await using rig = Rig.create();
  await using device = await LoopDevice.create();
  const reads = await rig.create("/reads", rates(device, ["READ", "BYTES_PER_SECOND", 512 * KB]));
  const few = await rig.create(
    "/few",
    rates(device, ["WRITE", "IO_PER_SECOND", 20], ["READ", "IO_PER_SECOND", 40]),
  );
  const [slowRead, fewWrites, fewReads] = await Promise.all([
    move(rig, reads, device, "read", 64 * KB, 12),
    move(rig, few, device, "write", 4 * KB, 30),
    move(rig, few, device, "read", 4 * KB, 60),
  ]);
  assert.ok(slowRead >= 1200, `768 kB at 512 kB/s took ${slowRead} ms`);
  assert.ok(fewWrites >= 1200, `30 writes at 20 per second took ${fewWrites} ms`);
  assert.ok(fewReads >= 1200, `60 reads at 40 per second took ${fewReads} ms`);
  const counted = countersOf(await few.stats(), device);
  assert.deepEqual(counted, { read: 60 * 4 * KB, written: 30 * 4 * KB, reads: 60, writes: 30 });
});

test("an update lets go of a process that is held back, and holds it back", { timeout: 60_000 }, async () => {
  await using rig = Rig.create();
  await using device = await LoopDevice.create();
  const container = await rig.create("/a", rates(device, ["READ", "IO_PER_SECOND", 2]));
  await using _reader = await keepMoving(container, device, "read", 4 * KB);
  const count = async () => countersOf(await container.stats(), device).reads;
  const started = performance.now();
  const held = await eventually(count, n => n >= 3, "reads that are let through");
  assert.ok(held <= (2 * (performance.now() - started)) / 1000 + 3, `${held} reads`);
  // 300 reads would take two and a half minutes.
  await container.update({ blockio: { max_device_limit_set: {} } });
  await eventually(count, n => n >= held + 300, "reads without a limit");
  await container.update(rates(device, ["READ", "IO_PER_SECOND", 2]));
  // Linux 6.1 goes on for one of its slices, a tenth of a second.
  const reads = async () => {
    const [from, at] = [await count(), performance.now()];
    await eventually(
      () => performance.now() - at,
      passed => passed > 300,
      "time passes",
    );
    const got = (await count()) - from;
    return { got, allowed: (2 * (performance.now() - at)) / 1000 + 1 };
  };
  await eventually(reads, ({ got, allowed }) => got <= allowed, "reads after the limit is back");
  // It waits for all that it has moved in this slice: SIGKILL alone would come to it in hours.
  await container.killAll();
});

test("a container's rate binds those below it", async () => {
  await using rig = Rig.create();
  await using device = await LoopDevice.create();
  const outer = await rig.create("/outer", rates(device, ["WRITE", "BYTES_PER_SECOND", 512 * KB]));
  const plain = await rig.create("/outer/plain");
  const inner = await rig.create(
    "/outer/plain/inner",
    rates(device, ["WRITE", "BYTES_PER_SECOND", 64 << 20]),
  );
  for (const container of [plain, inner]) {
    const took = await move(rig, container, device, "write", 64 * KB, 12);
    assert.ok(took >= 1200, `768 kB in ${container.name} took ${took} ms`);
  }
  assert.deepEqual(await plain.spec(), {});
  // Those below count for it.
  assert.ok(countersOf(await outer.stats(), device).written >= 24 * 64 * KB);
  // Lifted above, it is lifted below, and nothing but the inner one's own is left.
  await outer.update({}, { mode: "replace" });
  const limits = (name: string) =>
    Object.entries(controlFiles(rig.root, name)).filter(([file]) => /io\.max|write_bps/.test(file));
  assert.ok(limits("/outer/plain").every(([, text]) => text === ""));
  assert.ok(limits("/outer/plain/inner").every(([, text]) => text.includes("67108864")));
  await outer.update(rates(device, ["WRITE", "BYTES_PER_SECOND", 512 * KB]));
  const took = await move(rig, inner, device, "write", 64 * KB, 12);
  assert.ok(took >= 1200, `768 kB took ${took} ms`);
});

test("replace takes away what was set before, on other devices too, and nothing else", async () => {
  await using rig = Rig.create();
  await using one = await LoopDevice.create();
  await using two = await LoopDevice.create();
  const fresh = await rig.create("/fresh");
  const container = await rig.create(
    "/a",
    rates(one, ["WRITE", "IO_PER_SECOND", 3], ["READ", "IO_PER_SECOND", 3]),
  );
  await container.update(rates(two, ["WRITE", "BYTES_PER_SECOND", 512 * KB], ["READ", "IO_PER_SECOND", 30]));
  await using _reader = await keepMoving(container, one, "read", 4 * KB);
  const count = async () => countersOf(await container.stats(), one).reads;
  await eventually(count, n => n > 100, "reads from the device that was let go");
  assert.ok((await move(rig, container, two, "write", 64 * KB, 12)) >= 1200);
  assert.ok((await move(rig, container, two, "read", 4 * KB, 45)) >= 1200);
  // What somebody else wrote goes as well.
  const cgroups = openCgroups({ subtree: placesOf(rig.root).subtree });
  await container.killAll();
  await container.update({ pids: { limit: 100 } }, { mode: "replace" });
  await container.update({}, { mode: "replace" });
  assert.deepEqual(controlFiles(rig.root, "/a"), controlFiles(rig.root, fresh.name));
  assert.ok(cgroups.exists("/a"));
});

test("the device by its path, by a file on it and by number", async t => {
  await using rig = Rig.create();
  await using device = await LoopDevice.create();
  const limit = (of: object) => ({
    blockio: {
      max_device_limit_set: {
        max_limits: [
          {
            op_type: "WRITE" as const,
            limit_type: "IO_PER_SECOND" as const,
            limits: [{ device: of, limit: 77 }],
          },
        ],
      },
    },
  });
  const linesOf = (name: string) =>
    Object.entries(controlFiles(rig.root, name))
      .filter(([file]) => /io\.max|write_iops_device/.test(file))
      .map(([, text]) => text);
  await rig.create("/path", limit({ path: device.path }));
  await rig.create("/number", limit({ major: device.major, minor: device.minor }));
  assert.match(linesOf("/path").join(), new RegExp(`^${device.number} (77|.*wiops=77)`));
  assert.deepEqual(linesOf("/number"), linesOf("/path"));
  // The stored spec is what was asked for.
  assert.deepEqual(
    (await (await rig.lmctfy.get("/path")).spec()).blockio!.max_device_limit_set!.max_limits![0]!.limits,
    [{ device: { path: device.path }, limit: 77n }],
  );
  const mounted = `${rig.root}/mounted`;
  await execute("mkfs.ext4", ["-q", device.path]);
  await execute("mkdir", [mounted]);
  try {
    assert.equal((await execute("mount", [device.path, mounted])).code, 0);
    await rig.create("/file", limit({ path: `${mounted}/lost+found` }));
    assert.deepEqual(linesOf("/file"), linesOf("/path"));
  } finally {
    await execute("umount", [mounted]);
    await execute("rmdir", [mounted]);
  }
  t.diagnostic(linesOf("/path").join());
});

test("a spec that names no disk changes nothing and says why", async () => {
  await using rig = Rig.create();
  await using device = await LoopDevice.create();
  const good = rates(device, ["WRITE", "IO_PER_SECOND", 50]);
  const container = await rig.create("/a", good);
  const before = controlFiles(rig.root, "/a");
  const refused = async (bad: object, code: string, message: RegExp, hint?: RegExp) => {
    const spec = {
      blockio: {
        max_device_limit_set: {
          max_limits: [
            {
              op_type: "WRITE" as const,
              limit_type: "IO_PER_SECOND" as const,
              limits: [
                { device: { path: device.path }, limit: 9 },
                { device: bad, limit: 9 },
              ],
            },
          ],
        },
      },
    };
    for (const attempt of [rig.create("/bad", spec), container.update(spec)]) {
      await assert.rejects(attempt, (error: unknown) => {
        assert.ok(error instanceof LmctfyError);
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        assert.match(error.message, /^blockio\.max_device_limit_set\.max_limits\[0\]\.limits\[1\]/);
        if (hint) assert.match(error.hint ?? "", hint);
        return true;
      });
    }
  };
  await refused({ path: "/dev/null" }, "INVALID_ARGUMENT", /`\/dev\/null` is a character device/, /lsblk/);
  await refused({ path: "/dev/no-such-disk" }, "NOT_FOUND", /stat `\/dev\/no-such-disk`: ENOENT/);
  await refused({ path: "loop0" }, "INVALID_ARGUMENT", /"loop0" is not absolute/);
  await refused(
    { path: "/dev/shm" },
    "INVALID_ARGUMENT",
    /`\/dev\/shm` is on tmpfs, which is not on a single disk/,
  );
  await refused({ path: "/proc/self/status" }, "INVALID_ARGUMENT", /is on proc/);
  await refused({ major: 7, minor: 1_000_000 }, "NOT_FOUND", /no block device 7:1000000/);
  await refused({ major: 7 }, "INVALID_ARGUMENT", /names no device/, /both major and minor/);
  await refused({}, "INVALID_ARGUMENT", /names no device/);
  await refused({ path: device.path, major: 7, minor: 0 }, "INVALID_ARGUMENT", /a path and a number/);
  await refused({ path: device.path }, "INVALID_ARGUMENT", /has another WRITE IO_PER_SECOND before/);
  assert.deepEqual(controlFiles(rig.root, "/a"), before);
  assert.equal((await rig.lmctfy.list("/")).length, 1);
});

test("a partition is refused with the name of its disk", async () => {
  await using rig = Rig.create();
  await using device = await LoopDevice.create();
  const added = await execute("addpart", [device.path, "1", "2048", "8192"]);
  assert.equal(added.code, 0, added.stderr);
  try {
    await assert.rejects(
      rig.create("/a", {
        blockio: {
          max_device_limit_set: {
            max_limits: [
              {
                op_type: "READ",
                limit_type: "IO_PER_SECOND",
                limits: [{ device: { path: `${device.path}p1` }, limit: 9 }],
              },
            ],
          },
        },
      }),
      {
        code: "INVALID_ARGUMENT",
        message: new RegExp(`\`${device.path}p1\` is a partition, and the kernel limits whole disks`),
        hint: `Name the disk: path:"${device.path}".`,
      },
    );
  } finally {
    await execute("delpart", [device.path, "1"]);
  }
});

test("who waits for a disk that a rate keeps from them dies all the same", { timeout: 60_000 }, async () => {
  await using rig = Rig.create();
  await using device = await LoopDevice.create();
  // The first write would be through in a day.
  const stuck = rates(device, ["WRITE", "BYTES_PER_SECOND", 2]);
  const container = await rig.create("/a", stuck);
  const below = await rig.create("/a/below", stuck);
  for (const each of [container, below]) {
    await keepMoving(each, device, "write", 256 * KB);
  }
  const before = [controlFiles(rig.root, "/a"), controlFiles(rig.root, "/a/below")];
  const waiting = () => execute("ps", ["-o", "stat=", "-C", "tool"]);
  await eventually(waiting, ({ stdout }) => (stdout.match(/^D/gm) ?? []).length >= 2, "both wait");
  await container.killAll();
  assert.deepEqual(await container.pids({ recursive: true }), []);
  assert.deepEqual([controlFiles(rig.root, "/a"), controlFiles(rig.root, "/a/below")], before);
  await keepMoving(container, device, "write", 256 * KB);
  await eventually(waiting, ({ stdout }) => /^D/m.test(stdout), "it waits");
  await container.destroy({ force: true });
  rig.assertClean();
});
