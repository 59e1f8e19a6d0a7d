/** Which module does a command; loaded when it is called, so that a command pays only for what it uses. */
import type { CommandFunction } from "./model.ts";

type Loader = () => Promise<CommandFunction>;

/** By the first word of the command. */
export const LOADERS: Readonly<Record<string, Loader>> = {
  check: async () => (await import("./commands/check.ts")).check,
  create: async () => (await import("./commands/create.ts")).create,
  destroy: async () => (await import("./commands/destroy.ts")).destroy,
  detect: async () => (await import("./commands/detect.ts")).detect,
  enter: async () => (await import("./commands/enter.ts")).enter,
  features: async () => (await import("./commands/features.ts")).features,
  gc: async () => (await import("./commands/gc.ts")).gc,
  help: async () => (await import("./commands/help.ts")).help,
  init: async () => (await import("./commands/init.ts")).init,
  killall: async () => (await import("./commands/killall.ts")).killall,
  list: async () => (await import("./commands/list.ts")).list,
  notify: async () => (await import("./commands/notify.ts")).notify,
  pause: async () => (await import("./commands/pause.ts")).pause,
  plan: async () => (await import("./commands/plan.ts")).plan,
  restart: async () => (await import("./commands/start.ts")).restart,
  resume: async () => (await import("./commands/resume.ts")).resume,
  run: async () => (await import("./commands/run.ts")).run,
  spec: async () => (await import("./commands/spec.ts")).spec,
  start: async () => (await import("./commands/start.ts")).start,
  stats: async () => (await import("./commands/stats.ts")).stats,
  stop: async () => (await import("./commands/start.ts")).stop,
  top: async () => (await import("./commands/top.ts")).top,
  update: async () => (await import("./commands/update.ts")).update,
  version: async () => (await import("./commands/version.ts")).version,
  wait: async () => (await import("./commands/wait.ts")).wait,
};
