/** Features, for people. */
import type { Support } from "./calls.ts";
import type { Features } from "./features.ts";

const WIDTH = 16;

/** Several lines, the last one ended; what is missing stands apart from what is there. */
export function formatFeatures(features: Features): string {
  const { kernel, cgroup, security, caller } = features;
  const lines: [string, string][] = [
    ["kernel", `${kernel.release} ${kernel.arch}`],
    ["caller", callerText(caller)],
    ["cgroups", cgroupText(cgroup)],
    ...cgroup.hierarchies.map(({ version, mount_point, controllers }): [string, string] => [
      `  v${version}`,
      `${mount_point}: ${controllers.join(" ") || "no controllers"}`,
    ]),
  ];
  if (cgroup.disabled.length > 0) lines.push(["  off at boot", cgroup.disabled.join(" ")]);
  lines.push(
    ...supports("  ", {
      "cgroup.kill": cgroup.kill,
      "cgroup.freeze": cgroup.freeze,
      "swap accounting": cgroup.swap_accounting,
      pressure: cgroup.pressure,
    }),
    ["namespaces", ""],
    ...supports("  ", features.namespaces),
    ["  user", userText(features.user_namespaces)],
    ["perf events", ""],
    ...supports("  ", features.perf_events),
    ["system calls", features.syscalls_error ?? ""],
    ...supports("  ", features.syscalls),
    ["security", ""],
    ["  modules", security.lsms?.join(" ") ?? "unknown (securityfs is not mounted)"],
    ["  seccomp", security.seccomp_actions.join(" ") || "no filters"],
  );
  return lines
    .map(([head, text]) => `${head.padEnd(WIDTH)}${text}`.trimEnd())
    .join("\n")
    .concat("\n");
}

/** One line for each kind of answer that occurs. */
function supports(indent: string, answers: { [name: string]: Support }): [string, string][] {
  return (["yes", "no", "denied", "unknown"] as const)
    .map((answer): [string, string] => {
      const names = Object.keys(answers).filter(name => answers[name] === answer);
      return [indent + answer, names.map(name => name.replaceAll(" ", "-")).join(" ")];
    })
    .filter(([, names]) => names !== "");
}

function cgroupText({ layout }: Features["cgroup"]): string {
  switch (layout) {
    case "v2":
      return "v2: one hierarchy for all controllers";
    case "v1":
      return "v1: a hierarchy for each controller or several";
    case "hybrid":
      return "hybrid: v1, and a v2 hierarchy with what is left";
    case "none":
      return "none is mounted";
  }
}

function userText({ max, unprivileged }: Features["user_namespaces"]): string {
  const most = max === null ? "" : `at most ${max}; `;
  return `${most}without rights: ${unprivileged}`;
}

function callerText({ uid, gid, capabilities, missing_capabilities }: Features["caller"]): string {
  const who = `uid ${uid}, gid ${gid}`;
  if (capabilities.length === 0) return `${who}, no capabilities`;
  if (missing_capabilities.length === 0) return `${who}, all capabilities`;
  if (missing_capabilities.length < capabilities.length) {
    return `${who}, all capabilities but ${missing_capabilities.join(" ")}`;
  }
  return `${who}, ${capabilities.join(" ")}`;
}
