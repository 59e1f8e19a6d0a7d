/** What a filter answers (include/uapi/linux/seccomp.h, seccomp(2)). */

export type Action =
  | { readonly kind: "allow" | "log" | "kill_process" | "kill_thread" }
  /** The call fails with this error number. */
  | { readonly kind: "errno"; readonly value: number }
  /** A tracer is asked, which sees this number; without one the call fails with ENOSYS. */
  | { readonly kind: "trace"; readonly value: number }
  /** SIGSYS, with this number in si_errno. */
  | { readonly kind: "trap"; readonly value: number };

/** SECCOMP_RET_DATA: an answer's number has 16 bits; the kernel takes a larger errno for 4095. */
export const MAX_DATA = 0xffff;
export const MAX_ERRNO = 4095;

/** The word that the filter returns. */
export function answerOf(action: Action): number {
  switch (action.kind) {
    case "kill_process":
      return 0x8000_0000;
    case "kill_thread":
      return 0;
    case "trap":
      return 0x0003_0000 + action.value;
    case "errno":
      return 0x0005_0000 + action.value;
    case "trace":
      return 0x7ff0_0000 + action.value;
    case "log":
      return 0x7ffc_0000;
    case "allow":
      return 0x7fff_0000;
    default:
      return action satisfies never;
  }
}

/** Whether the call is made. */
export function isAllowed({ kind }: Action): boolean {
  return kind === "allow" || kind === "log";
}
