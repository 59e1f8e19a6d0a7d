/** Reading /proc/self/mountinfo: the mounts that a path look-up can still reach. */

/** A line of mountinfo, its octal escapes undone. */
export interface Mount {
  id: number;
  parent: number;
  /** The part of the file system that is mounted: `/`, or a directory of it in a container. */
  root: string;
  mountPoint: string;
  type: string;
  /** Options of the file system, not of the mount: `rw`, `cpu`, `name=systemd`. */
  options: string[];
}

/** Parses mountinfo; lines that make no sense are left out. */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split(" ");
    // Optional fields (propagation) stand between the sixth field and a lone hyphen.
    const hyphen = fields.indexOf("-", 6);
    const [id, parent, , root, mountPoint] = fields;
    const type = fields[hyphen + 1];
    const options = fields[hyphen + 3];
    if (hyphen < 0 || root === undefined || mountPoint === undefined) continue;
    if (type === undefined || options === undefined) continue;
    mounts.push({
      id: Number(id),
      parent: Number(parent),
      root: undoEscapes(root),
      mountPoint: undoEscapes(mountPoint),
      type,
      options: options.split(","),
    });
  }
  return mounts;
}

/** The kernel writes blank, tab, newline, backslash and `#` as three octal digits. */
function undoEscapes(field: string): string {
  if (!field.includes("\\")) return field;
  // Each escape is a byte, and a name may hold UTF-8 around it, which stays as it is: escapes are ASCII only.
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/**
 * Whether a look-up of the mount's own mount point ends in it, and not in one that was mounted over it or over a
 * directory above it later (a second tmpfs on /sys/fs/cgroup, say).
 */
export function isReachable(mount: Mount, mounts: readonly Mount[]): boolean {
  const ids = new Set(mounts.map(other => other.id));
  const isTop = (other: Mount) => other.parent === other.id || !ids.has(other.parent);
  let at: Mount | undefined;
  // Each turn goes one mount down the tree, so there are at most as many turns as mounts.
  for (let turn = 0; turn < mounts.length; turn++) {
    let next: Mount | undefined;
    for (const other of mounts) {
      if (other === at || (at === undefined ? !isTop(other) : other.parent !== at.id || isTop(other)))
        continue;
      if (!isWithin(mount.mountPoint, other.mountPoint)) continue;
      // The look-up meets the shortest first; of two on the same spot the later one lies on top.
      if (next === undefined || other.mountPoint.length <= next.mountPoint.length) next = other;
    }
    if (next === undefined) break;
    at = next;
  }
  return at === mount;
}

/** Whether a path is a directory or below it. */
export function isWithin(path: string, directory: string): boolean {
  if (directory === "/" || path === directory) return true;
  return path.startsWith(directory) && path[directory.length] === "/";
}
