/** What cgroup-view.test.ts runs inside of the view: prints what it found. */
import { Subtree } from "./cgroup-rig.ts";

await using subtree = new Subtree();
const { cgroups } = subtree;
subtree.create("/a");
subtree.create("/a/b");
const child = await subtree.start("/a/b", ["sleep", "1000"]);
const detected = cgroups.detect(child.pid);
let refused = "";
try {
  subtree.create("/c", { memory: { limit: 100_000n } });
} catch (error) {
  refused = (error as Error).message;
}
await cgroups.kill("/a");
const { signal } = await child.ended;
await cgroups.remove("/a");
const strays = cgroups.strays();
console.log(JSON.stringify({ kind: cgroups.layout.kind, detected, refused, signal, strays }));
