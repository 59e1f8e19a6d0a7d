/** Random specs, of everything that can be changed while a container runs: mostly possible ones, and some that are refused. */
import fc from "fast-check";
import { readLayout } from "../../src/cgroup/layout.ts";
import type { ContainerSpecInput } from "../../src/index.ts";

const MB = 1_000_000;

/** Version 1 lacks some. */
const pure = readLayout().kind === "v2";
const UNLIMITED = 2n ** 64n - 1n;

/** Each field is there or not. */
const some = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) =>
  fc.record(fields, { requiredKeys: [] });
const one = fc.constantFrom;

/** Now and then something that makes no sense. */
const mostly = <T>(good: fc.Arbitrary<T>, ...bad: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 40, arbitrary: good }, { weight: 1, arbitrary: one(...bad) });

const cpu = some({
  limit: one<number | bigint>(0, 1, 100, 1000, 4000, UNLIMITED),
  max_limit: mostly<number | bigint>(one<number | bigint>(400, 500, 1000, UNLIMITED), 3),
  burst: mostly(one(0, 50, 300), 2000),
  scheduling_latency: one("BEST_EFFORT", "NORMAL", "PRIORITY", "PREMIER"),
  mems: mostly(one("", "0"), "7"),
}).chain(rest =>
  // The two say the same thing, so that both together are refused.
  fc
    .oneof(
      fc.record({
        mask: mostly(one<{ data: (number | bigint)[] }>({ data: [1] }, { data: [] }), { data: [1n << 40n] }),
      }),
      fc.record({ cpus: mostly(one("", "0"), "5-4", "1-x") }),
      fc.constant({}),
    )
    .map(which => ({ ...rest, ...which })),
);

const memory = some({
  limit: mostly(one(50 * MB, 60 * MB), -1, 1000),
  max_limit: mostly(one(60 * MB, 90 * MB), -1, 10 * MB),
  swap_limit: mostly(one(100 * MB, 120 * MB), -1, 30 * MB),
  reservation: mostly(one(0, 10 * MB, 40 * MB), 500 * MB),
  oom_group: one(false),
  eviction_priority: mostly(one(1, 3000, 5000), 20_000),
  zswap_limit: one(-1),
  ...(pure && {
    reservation_strict: fc.boolean(),
    oom_group: fc.boolean(),
    zswap_limit: one(-1, 0, 10 * MB),
  }),
});

const blockio = (device: string) => {
  const where = mostly<object>(one({ path: device }), { path: "/dev/null" }, { major: 7 });
  const kinds = (["READ", "WRITE"] as const).flatMap(op_type =>
    (["BYTES_PER_SECOND", "IO_PER_SECOND"] as const).map(limit_type => ({ op_type, limit_type })),
  );
  const rates = fc
    .subarray(kinds)
    .chain(chosen =>
      fc.tuple(
        ...chosen.map(kind =>
          fc
            .record({ device: where, limit: mostly(one(100, 1_048_576), 1) })
            .map(limit => ({ ...kind, limits: [limit] })),
        ),
      ),
    );
  return some({ max_device_limit_set: fc.record({ max_limits: rates }) });
};

const access = one<("READ" | "WRITE" | "MKNOD")[]>(
  ["READ"],
  ["WRITE"],
  ["READ", "WRITE"],
  ["READ", "WRITE", "MKNOD"],
);
const rule = fc
  .record({ permission: one("ALLOW" as const, "DENY" as const), access })
  .chain(what =>
    mostly<object>(
      one<object>(
        { path: "/dev/zero" },
        { path: "/dev/full" },
        { type: "DEVICE_CHAR", major: 1 },
        { type: "DEVICE_BLOCK" },
      ),
      { path: "/dev/none-such" },
      { type: "DEVICE_CHAR", major: 5000 },
      {},
    ).map(which => ({ ...what, ...which })),
  );
const device = some({
  isolated: fc.boolean(),
  restrictions_set: fc.record({ restrictions: fc.array(rule, { maxLength: 3 }) }),
});

const rlimit = mostly<object>(
  one<object>({ soft: 20 }, { hard: 500 }, { soft: 50, hard: 100 }),
  { soft: 100, hard: 50 },
  { soft: -2 },
);

const security = some({
  no_new_privs: fc.boolean(),
  privileged: fc.boolean(),
  new_keyring: fc.boolean(),
  seccomp: mostly(one("default", "unconfined"), "nonsense"),
  capabilities: some({
    add: mostly<string[]>(one<string[]>([], ["CAP_NET_RAW"], ["CAP_SYS_TIME", "CAP_SYSLOG"]), ["CAP_NONE"]),
    drop: one([], ["CAP_CHOWN"]),
  }),
});

/** @param disk a block device that is nobody else's */
export function randomSpecs(disk: string): fc.Arbitrary<ContainerSpecInput> {
  return some({
    owner: one(0, 65534),
    owner_group: one(0, 65534),
    children_limit: mostly(one(0, 5), -1),
    cpu,
    memory,
    blockio: blockio(disk),
    device,
    pids: some({ limit: mostly(one(-1, 20, 100), -7) }),
    rlimits: some({
      memlock: rlimit,
      core: rlimit,
      stack: one({ soft: 1_000_000 }, { soft: 2_000_000, hard: 4_000_000 }),
    }),
    filesystem: some({ fd_limit: one(64, 128) }),
    security_spec: security,
    // Rare, as starting to count is slow; and what nothing serves.
    monitoring: fc.oneof(
      { weight: 30, arbitrary: fc.constant({}) },
      { weight: 1, arbitrary: fc.constant({ enable_perf_counters: true }) },
    ),
    network: mostly<object | undefined>(fc.constant(undefined), {}),
  }).map(({ network, ...served }) => ({ ...served, ...(network ? { network } : {}) }) as ContainerSpecInput);
}
