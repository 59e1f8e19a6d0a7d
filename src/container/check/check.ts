/** `lmctfy check`: what protects a container, what it may still do, and whether the kernel says so too. */
import { readFileSync } from "node:fs";
import { LmctfyError } from "../../errors.ts";
import { processSettings } from "../../resources/index.ts";
import { hasOwnUsers, KINDS, ownsNamespace } from "../../resources/namespaces.ts";
import type { ContainerSpec } from "../../spec/index.ts";
import type { Context } from "../context.ts";
import { viewOf, withInherited } from "../entrance.ts";
import { requireOwn } from "../given.ts";
import { initOf } from "../init-process.ts";
import { findLxcfs } from "../lxcfs.ts";
import { parentOf } from "../names.ts";
import { requireContainer } from "../store.ts";
import { loadSpec } from "../stored-spec.ts";
import { type Finding, protectionOf } from "./protection.ts";
import { differencesOf } from "./truth.ts";

export interface SecurityCheck {
  name: string;
  /** A: what the defaults of a virtual host with limits give. F: as good as nothing. */
  grade: "A" | "B" | "C" | "D" | "E" | "F";
  /** 100 without what the findings cost. */
  score: number;
  findings: Finding[];
  /** Processes whose state in the kernel was compared with the spec. */
  processes: number;
  /** Where a process is not what the spec says: it was brought in (`enter`), or started under an older spec. */
  differences: { pid: number; text: string }[];
}

const GRADES = [
  ["A", 90],
  ["B", 75],
  ["C", 60],
  ["D", 40],
  ["E", 20],
] as const;

export async function checkContainer(context: Context, name: string): Promise<SecurityCheck> {
  if (name === "/") {
    throw new LmctfyError(
      "FAILED_PRECONDITION",
      "the container / is the machine: nothing protects it from itself",
      {
        path: name,
        hint: "`lmctfy features` shows what this machine can do.",
      },
    );
  }
  requireOwn(context, name);
  requireContainer(context.places, name);
  const stored = await loadSpec(context, name);
  const spec = await withInherited(context, name, stored);
  const view = await viewOf(context, name, stored);
  const host = view?.spec;
  const settings = processSettings(spec);
  const security =
    host && settings.security
      ? { ...settings.security, newKeyring: spec.security_spec?.new_keyring ?? true }
      : settings.security;
  const ownUsers = host !== undefined && hasOwnUsers(host);
  const above = await withAncestors(context, name, stored);
  const findings = protectionOf({
    arch: context.arch,
    spec,
    host,
    entrance: { security },
    ownUsers,
    limits: {
      memory: above.some(({ memory }) => limited(memory?.limit) || limited(memory?.max_limit)),
      pids: above.some(({ pids }) => limited(pids?.limit)),
    },
    devicesLimited:
      host !== undefined ||
      above.some(({ device }) => device?.isolated || device?.restrictions_set !== undefined),
    machine: { lxcfs: findLxcfs() !== undefined, modules: securityModules() },
  });
  const namespaces = host?.virtual_host ? KINDS.filter(kind => ownsNamespace(host.virtual_host!, kind)) : [];
  const expected = { security, ownUsers, namespaces, virtual: host !== undefined };
  const init = view === undefined ? undefined : await initOf(context, view.name);
  // The default init runs nothing but lmctfy's own code, and is sealed otherwise (compile/init.ts).
  const ownInit = (host?.virtual_host?.init?.init_argv ?? []).length > 0;
  const pids = context.cgroups.pids(name).filter(pid => ownInit || pid !== init);
  const seen = pids.flatMap(pid => {
    const differences = differencesOf(pid, expected);
    return differences === undefined ? [] : [{ pid, differences }];
  });
  const score = Math.max(0, 100 - findings.reduce((sum, { cost }) => sum + cost, 0));
  return {
    name,
    grade: GRADES.find(([, least]) => score >= least)?.[0] ?? "F",
    score,
    findings,
    processes: seen.length,
    differences: seen.flatMap(({ pid, differences }) => differences.map(text => ({ pid, text }))),
  };
}

const limited = (value: bigint | number | undefined): boolean => value !== undefined && BigInt(value) >= 0n;

async function withAncestors(context: Context, name: string, spec: ContainerSpec): Promise<ContainerSpec[]> {
  const parent = parentOf(name);
  if (parent === undefined || parent === "/") return [spec];
  return [spec, ...(await withAncestors(context, parent, await loadSpec(context, parent)))];
}

function securityModules(): string[] {
  try {
    return readFileSync("/sys/kernel/security/lsm", "utf8").trim().split(",");
  } catch {
    return [];
  }
}
