/** What a container has of its own and what it shares: `virtual_host.namespaces` of a spec. */
import { existsSync } from "node:fs";
import { LmctfyError } from "../errors.ts";
import type { ContainerSpec, VirtualHostSpec } from "../spec/index.ts";
import type { IdRange, Isolation, NamespaceChoice, NamespaceKind, Users } from "./isolation.ts";
import { checkRange, invalid } from "./resource.ts";

export const KINDS = ["pid", "ipc", "uts", "net", "cgroup", "time"] as const;

/** As a spec says it; what a container or process has is known when it runs. */
type Wish = NamespaceChoice | { kind: "pid"; pid: string } | { kind: "container"; name: string };

/** A virtual host that runs, for those that share namespaces with it. */
export interface Shared {
  /** Of its init, as this process sees it. */
  pid: number;
  ownUsers: boolean;
  /** Locked for as long as it runs. */
  lockFile: string;
}

/** Seconds; the kernel takes nothing near the end of its 64 bits of nanoseconds. */
const MOST_SECONDS = 4_000_000_000n;

/** @param whole the spec that it is part of */
export function checkNamespaces(host: VirtualHostSpec, whole: ContainerSpec): void {
  const { namespaces = {}, clocks } = host;
  for (const kind of [...KINDS, "user"] as const) wishOf(host, kind);
  if (!["new", "host"].includes(wishOf(host, "cgroup").kind)) {
    throw invalid("virtual_host.namespaces.cgroup is new or host");
  }
  for (const clock of ["monotonic", "boottime"] as const) {
    const seconds = clocks?.[clock] ?? 0n;
    checkRange(`virtual_host.clocks.${clock}`, seconds, -MOST_SECONDS, MOST_SECONDS, "seconds");
  }
  const time = wishOf(host, "time").kind;
  if (clocks !== undefined && time !== "new") {
    throw invalid("virtual_host.clocks needs a time namespace of its own", "Leave out namespaces.time.");
  }
  if (time === "new" && !existsSync("/proc/self/ns/time")) {
    throw new LmctfyError(
      "FAILED_PRECONDITION",
      "virtual_host.namespaces.time: this kernel has no time namespaces",
      {
        hint: "It takes Linux 5.6 with CONFIG_TIME_NS.",
      },
    );
  }
  if (!hasOwnUsers(whole)) return;
  // Who has users of its own has no rights over a namespace that others own, and so none to join it (setns(2)).
  const joined = KINDS.find(kind => !["new", "host"].includes(wishOf(host, kind).kind));
  if (joined === undefined) return;
  throw invalid(
    `virtual_host.namespaces.${joined} is another's, and a container with users of its own cannot join it`,
    `Share its users as well (namespaces.user: ${JSON.stringify(namespaces[joined])}), or the machine's (host).`,
  );
}

/** Whether root in the container is somebody else outside, whom nobody else is. */
export function hasOwnUsers({ virtual_host, filesystem }: ContainerSpec): boolean {
  if (virtual_host === undefined) return false;
  const users = wishedUsers(virtual_host);
  if (users !== undefined) return users.kind === "new";
  const { empty_root = false, rootfs = "/", layers = [] } = filesystem ?? {};
  return empty_root || rootfs !== "/" || layers.length > 0;
}

export const ownsNamespace = (host: VirtualHostSpec, kind: NamespaceKind): boolean =>
  wishOf(host, kind).kind === "new";

/** The containers whose namespaces it shares. */
export function sharedContainers({ virtual_host: host }: ContainerSpec): string[] {
  if (host === undefined) return [];
  const names = [...KINDS, "user" as const].flatMap(kind => {
    const wish = wishOf(host, kind);
    return wish.kind === "container" ? [wish.name] : [];
  });
  return [...new Set(names)];
}

type Chosen = Pick<Isolation, "namespaces" | "users" | "clocks" | "alive">;

/** @param others at least those of `sharedContainers` */
export function chosenNamespaces(
  spec: ContainerSpec,
  ids: IdRange | undefined,
  others: ReadonlyMap<string, Shared>,
): Chosen {
  const host = spec.virtual_host ?? {};
  const choose = (kind: NamespaceKind) => [kind, settle(wishOf(host, kind), kind, others)] as const;
  return {
    namespaces: Object.fromEntries(KINDS.map(choose)) as Record<NamespaceKind, NamespaceChoice>,
    users: chosenUsers(host, ids, others),
    clocks: { monotonic: host.clocks?.monotonic ?? 0n, boottime: host.clocks?.boottime ?? 0n },
    alive: sharedContainers(spec).map(name => others.get(name)!.lockFile),
  };
}

function chosenUsers(
  host: VirtualHostSpec,
  ids: IdRange | undefined,
  others: ReadonlyMap<string, Shared>,
): Users {
  if (ids !== undefined) return { kind: "new", ids };
  const wish = wishedUsers(host);
  if (wish === undefined || wish.kind === "new") return { kind: "host" };
  // It has the machine's users: then there is no other namespace to join.
  if (wish.kind === "container" && !others.get(wish.name)!.ownUsers) return { kind: "host" };
  const chosen = settle(wish, "user", others);
  return chosen.kind === "path" ? chosen : { kind: "host" };
}

function settle(
  wish: Wish,
  kind: NamespaceKind | "user",
  others: ReadonlyMap<string, Shared>,
): NamespaceChoice {
  if (wish.kind === "pid") return { kind: "path", path: `/proc/${wish.pid}/ns/${kind}` };
  if (wish.kind === "container")
    return { kind: "path", path: `/proc/${others.get(wish.name)!.pid}/ns/${kind}` };
  return wish;
}

/** What is said about users; else those of the first container that something else is shared with. */
function wishedUsers(host: VirtualHostSpec): Wish | undefined {
  if (host.namespaces?.user !== undefined) return wishOf(host, "user");
  return KINDS.map(kind => wishOf(host, kind)).find(({ kind }) => kind === "container");
}

function wishOf({ namespaces = {}, clocks }: VirtualHostSpec, kind: NamespaceKind | "user"): Wish {
  const word = namespaces[kind] ?? (kind === "time" && clocks === undefined ? "host" : "new");
  if (word === "new" || word === "host") return { kind: word };
  if (word.startsWith("/") && !word.includes("\0")) return { kind: "path", path: word };
  const [, how, which] = /^(container|pid):(.+)$/s.exec(word) ?? [];
  if (how === "container" && /^(\/[A-Za-z0-9_.-]+)+$/.test(which!))
    return { kind: "container", name: which! };
  if (how === "pid" && /^[1-9]\d{0,9}$/.test(which!)) return { kind: "pid", pid: which! };
  throw invalid(
    `virtual_host.namespaces.${kind} is new, host, container:/name, pid:NUMBER or an absolute path: ${JSON.stringify(word)}`,
  );
}
