/** The architectures that programs are built for. */
export type Arch = "x86_64" | "aarch64";

/** ELF machine numbers, as in the header of a program. */
export const ELF_MACHINE: Record<Arch, number> = { x86_64: 62, aarch64: 183 };

/** The architecture of this process; undefined where lmctfy has no executor for it. */
export function hostArch(): Arch | undefined {
  switch (process.arch) {
    case "x64":
      return "x86_64";
    case "arm64":
      return "aarch64";
    default:
      return undefined;
  }
}
