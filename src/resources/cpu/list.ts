/** Sets of CPUs or memory nodes: the mask of a spec, the list of a spec or a cpuset (`0-3,8`), and the numbers. */

/** More CPUs or nodes than any kernel is built for (CONFIG_NR_CPUS); a list beyond is a slip of the pen. */
const MOST = 65_536;

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
export function formatList(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join();
}

/** The numbers of a list, ascending; none for an empty text, undefined for what is no list. */
export function parseList(text: string): number[] | undefined {
  const numbers = new Set<number>();
  for (const range of text.trim() === "" ? [] : text.trim().split(",")) {
    const [, from, to = from] = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(range) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (from === undefined || last < first || last >= MOST) return undefined;
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** The numbers of a list that the kernel wrote. */
export function readList(text: string | undefined): number[] {
  return parseList(text ?? "") ?? [];
}
