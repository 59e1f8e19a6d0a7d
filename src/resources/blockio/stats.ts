/** Statistics of block devices. */
import type { Cgroups } from "../../cgroup/driver.ts";
import { diskName } from "../../features/disks.ts";
import type { BlockIoDeviceStats, BlockIoStats } from "../../spec/index.ts";
import { defined, readPressure, readText } from "../numbers.ts";
import type { StatsLevel } from "../resource.ts";
import { ioController, parseLines } from "./lines.ts";

type Counter = Exclude<keyof BlockIoDeviceStats, "major" | "minor" | "name">;
type Counters = { [K in Counter]?: bigint };

/** What a container and those below it moved; devices that it never used are left out. */
export function blockioStats(
  cgroups: Cgroups,
  name: string,
  level: StatsLevel,
  sys: string,
): BlockIoStats | undefined {
  const full = level === "full";
  const controller = ioController(cgroups);
  const pressure = full ? readPressure(cgroups, name, "io.pressure") : undefined;
  if (controller === undefined) return pressure && { pressure };
  const found = controller === "io" ? count2(cgroups, name) : count1(cgroups, name);
  const devices = [...found]
    .filter(([, counters]) => Object.values(counters).some(value => value > 0n))
    .map(([number, counters]) => deviceStats(number, counters, full, sys));
  return defined<BlockIoStats>({ device: devices.length > 0 ? devices : undefined, pressure });
}

function deviceStats(number: string, counters: Counters, full: boolean, sys: string): BlockIoDeviceStats {
  const [major, minor] = number.split(":");
  const { read_bytes, write_bytes, read_ops, write_ops } = counters;
  return defined<BlockIoDeviceStats>({
    major: BigInt(major!),
    minor: BigInt(minor!),
    name: diskName(number, sys),
    ...(full ? counters : { read_bytes, write_bytes, read_ops, write_ops }),
  } as { [K in keyof BlockIoDeviceStats]: BlockIoDeviceStats[K] | undefined });
}

const V2_FIELDS: { readonly [key: string]: Counter } = {
  rbytes: "read_bytes",
  wbytes: "write_bytes",
  rios: "read_ops",
  wios: "write_ops",
  dbytes: "discard_bytes",
  dios: "discard_ops",
  "cost.usage": "cost_usage",
};

/** `8:0 rbytes=90112 wbytes=0 rios=3 wios=0 dbytes=0 dios=0`. */
function count2(cgroups: Cgroups, name: string): Map<string, Counters> {
  const lines = parseLines(readText(cgroups, name, "io", "io.stat"));
  return new Map([...lines].map(([number, text]) => [number, counters2(text)]));
}

function counters2(text: string): Counters {
  const counters: Counters = {};
  for (const pair of text.split(" ")) {
    const [key = "", value = ""] = pair.split("=");
    const field = V2_FIELDS[key];
    if (field !== undefined && /^\d+$/.test(value)) counters[field] = BigInt(value);
  }
  return counters;
}

/** For how long it is believed that no device has the BFQ scheduler, which is one file less for each container. */
const BELIEVED_MS = 100;

let looked: { at: number; cgroups: Cgroups; bfq: boolean } | undefined;

/** Whether BFQ has counted anything for any container: the cgroup that all are in has what is below it as well. */
function countsBfq(cgroups: Cgroups): boolean {
  const at = performance.now();
  if (looked === undefined || looked.cgroups !== cgroups || at - looked.at > BELIEVED_MS) {
    const text = readText(cgroups, "/", "blkio", "blkio.bfq.io_service_bytes_recursive") ?? "";
    looked = { at, cgroups, bfq: /^\d+:\d+ /m.test(text) };
  }
  return looked.bfq;
}

const V1_FIELDS: readonly { file: string; fields: { readonly [key: string]: Counter } }[] = [
  {
    file: "io_service_bytes",
    fields: { Read: "read_bytes", Write: "write_bytes", Discard: "discard_bytes" },
  },
  { file: "io_serviced", fields: { Read: "read_ops", Write: "write_ops", Discard: "discard_ops" } },
];

/**
 * The throttle counts what goes to any device; on newer kernels it starts to with the first rate that anybody sets on
 * the device (block/blk-throttle.h, blk_should_throtl). The BFQ scheduler counts on its own devices.
 */
function count1(cgroups: Cgroups, name: string): Map<string, Counters> {
  const found = new Map<string, Counters>();
  for (const by of countsBfq(cgroups) ? ["blkio.throttle", "blkio.bfq"] : ["blkio.throttle"]) {
    const mine = new Map<string, Counters>();
    for (const { file, fields } of V1_FIELDS) {
      // Without bytes there were no operations.
      if (file === "io_serviced" && mine.size === 0) break;
      const text =
        readText(cgroups, name, "blkio", `${by}.${file}_recursive`) ??
        readText(cgroups, name, "blkio", `${by}.${file}`);
      for (const [, number, key, value] of (text ?? "").matchAll(/^(\d+:\d+) (\w+) (\d+)$/gm)) {
        const field = fields[key!];
        if (field === undefined || found.has(number!)) continue;
        mine.set(number!, { ...mine.get(number!), [field]: BigInt(value!) });
      }
    }
    for (const [number, counters] of mine)
      if (Object.values(counters).some(count => count > 0n)) found.set(number, counters);
  }
  return found;
}
