/** What the io controller of version 2 was built with. */
import { existsSync, readdirSync } from "node:fs";
import type { CgroupLayout } from "../cgroup/layout.ts";
import type { Support } from "./calls.ts";

/** Whether cgroups have a file of the io controller; unknown where no cgroup has that controller yet. */
export function hasIoFile(layout: CgroupLayout, file: string): Support {
  const mount = layout.hierarchies.find(({ controllers }) => controllers.includes("io"))?.mountPoint;
  if (mount === undefined) return "no";
  // The root of a hierarchy has none of them. io.stat comes with the controller.
  const child = directories(mount).find(name => existsSync(`${mount}/${name}/io.stat`));
  if (child === undefined) return "unknown";
  return existsSync(`${mount}/${child}/${file}`) ? "yes" : "no";
}

function directories(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(entry => entry.name);
  } catch {
    return [];
  }
}
