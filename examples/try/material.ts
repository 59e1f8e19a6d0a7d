/** Real files of this machine to work on. */
import { lstatSync, readdirSync } from "node:fs";

export interface Material {
  files: string[];
  bytes: number;
}

/** Regular files below a directory, in the order of their names, until they are as large as wanted. */
export function findMaterial(top: string, wanted: number): Material {
  const found: Material = { files: [], bytes: 0 };
  const look = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true }).sort(byName)) {
      if (found.bytes >= wanted) return;
      const path = `${directory}/${entry.name}`;
      if (entry.isDirectory()) look(path);
      else if (entry.isFile() && !path.includes("\n")) {
        found.files.push(path);
        found.bytes += lstatSync(path).size;
      }
    }
  };
  look(top);
  return found;
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
