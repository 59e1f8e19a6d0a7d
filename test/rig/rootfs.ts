/** A small root file system for virtual hosts: busybox and the fixture program. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TOOL } from "./rig.ts";

const APPLETS = [
  "sh",
  "ls",
  "cat",
  "id",
  "echo",
  "mount",
  "umount",
  "ps",
  "hostname",
  "ip",
  "stat",
  "mknod",
  "touch",
  "mkdir",
];
const MORE = [
  "sleep",
  "dd",
  "kill",
  "nc",
  "true",
  "false",
  "env",
  "pwd",
  "readlink",
  "chown",
  "unshare",
  "nsenter",
  "sysctl",
];

/** A directory with a root in it, and room beside it. */
export class Rootfs implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "lmctfy-rootfs-"));
  readonly path = join(this.directory, "root");

  constructor() {
    const { path } = this;
    for (const directory of ["bin", "etc", "tmp", "home/someone"])
      mkdirSync(join(path, directory), { recursive: true });
    copyFileSync("/bin/busybox", join(path, "bin/busybox"));
    copyFileSync(TOOL, join(path, "bin/tool"));
    for (const applet of [...APPLETS, ...MORE]) symlinkSync("busybox", join(path, "bin", applet));
    writeFileSync(
      join(path, "etc/passwd"),
      "root:x:0:0::/root:/bin/sh\nsomeone:x:1234:2345::/home/someone:/bin/sh\n",
    );
    writeFileSync(join(path, "etc/group"), "root:x:0:\nothers:x:77:someone\n");
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
