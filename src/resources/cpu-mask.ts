/** CPU sets: the mask of a spec, the list of a cpuset (`0-3,8`), and a set of numbers between them. */

/** The CPUs of a mask, ascending: words of 64 bits, the last one holds CPU 0 to 63. */
export function cpusOfMask(words: readonly bigint[]): number[] {
  const cpus: number[] = [];
  words.toReversed().forEach((word, index) => {
    for (let bit = 0; bit < 64; bit++) if ((word >> BigInt(bit)) & 1n) cpus.push(index * 64 + bit);
  });
  return cpus;
}

/** The mask of CPUs, in as few words as they need; no words for no CPUs. */
export function maskOfCpus(cpus: Iterable<number>): bigint[] {
  const words: bigint[] = [];
  for (const cpu of cpus) {
    const index = Math.floor(cpu / 64);
    while (words.length <= index) words.push(0n);
    words[index] = words[index]! | (1n << BigInt(cpu % 64));
  }
  return words.reverse();
}

/** `0-3,8` for 0, 1, 2, 3, 8; the numbers are ascending. */
export function formatCpuList(cpus: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const cpu of cpus) {
    const last = ranges.at(-1);
    if (last !== undefined && cpu === last[1] + 1) last[1] = cpu;
    else ranges.push([cpu, cpu]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join();
}

/** The numbers of a list as the kernel writes it. */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const range of text.trim().split(",")) {
    const [first, last = first] = range.split("-").map(Number);
    if (range === "" || first === undefined || last === undefined) continue;
    for (let cpu = first; cpu <= last; cpu++) cpus.push(cpu);
  }
  return cpus;
}
