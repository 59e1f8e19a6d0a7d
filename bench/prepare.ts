/** Builds the native helpers, and the root filesystem that all contenders share. */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { BUILD, SOURCES } from "./paths.ts";

export interface Prepared {
  timer: string;
  floor: string;
  /** Does nothing, and does it statically. */
  trueCommand: string;
  /** Holds bin/true, bin/pause and empty directories to mount on. */
  rootfs: string;
}

const FREESTANDING = ["-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-no-pie"];

export function prepare(): Prepared {
  mkdirSync(BUILD, { recursive: true });
  const compile = (name: string, flags: string[]): string => {
    const output = `${BUILD}/${name}`;
    if (isUpToDate(output)) return output;
    execFileSync("gcc", ["-O2", "-static", "-s", ...flags, "-o", output, `${SOURCES}/${name}.c`]);
    return output;
  };
  const timer = compile("timer", []);
  const floor = compile("floor", FREESTANDING);
  const trueCommand = compile("true", FREESTANDING);
  const rootfs = `${BUILD}/rootfs`;
  for (const directory of ["bin", "dev", "proc", "sys"]) {
    mkdirSync(`${rootfs}/${directory}`, { recursive: true });
  }
  copyFileSync(trueCommand, `${rootfs}/bin/true`);
  copyFileSync(compile("pause", FREESTANDING), `${rootfs}/bin/pause`);
  return { timer, floor, trueCommand, rootfs };
}

/** A machine without a compiler can measure with what another one built. */
function isUpToDate(output: string): boolean {
  if (!existsSync(output)) return false;
  const built = statSync(output).mtimeMs;
  return readdirSync(SOURCES).every(name => statSync(`${SOURCES}/${name}`).mtimeMs < built);
}
