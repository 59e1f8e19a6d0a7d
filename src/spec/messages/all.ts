/** Every message and enum, for the generators; nothing else should pay for loading all of them. */
import type { Enum, Message } from "../descriptor.ts";
import * as blockio from "./blockio.ts";
import * as container from "./container.ts";
import * as cpu from "./cpu.ts";
import * as device from "./device.ts";
import * as event from "./event.ts";
import * as filesystem from "./filesystem.ts";
import * as init from "./init.ts";
import * as memory from "./memory.ts";
import * as network from "./network.ts";
import * as run from "./run.ts";
import * as security from "./security.ts";
import * as small from "./small.ts";
import * as stats from "./stats.ts";
import * as statsCpu from "./stats-cpu.ts";
import * as statsMemory from "./stats-memory.ts";
import * as virtualHost from "./virtual_host.ts";

/** All of them, in the order in which a reader wants to meet them. */
export const ALL_TYPES: readonly (Message | Enum)[] = [
  ...typesOf(container),
  ...typesOf(cpu),
  ...typesOf(memory),
  ...typesOf(blockio),
  ...typesOf(device),
  ...typesOf(network),
  ...typesOf(filesystem),
  ...typesOf(virtualHost),
  ...typesOf(run),
  ...typesOf(security),
  ...typesOf(small),
  ...typesOf(event),
  ...typesOf(stats),
  ...typesOf(statsCpu),
  ...typesOf(statsMemory),
  ...typesOf(init),
];

function typesOf(module: object): (Message | Enum)[] {
  return (Object.values(module) as (Message | Enum)[]).sort((a, b) => (a.name < b.name ? -1 : 1));
}
