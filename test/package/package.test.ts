/** What npm publishes: packed, installed into an empty project, and used as the README says. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../../", import.meta.url));
const place = mkdtempSync(join(tmpdir(), "lmctfy-package-"));
const project = join(place, "project");
const installed = join(project, "node_modules/lmctfy");
const modules = join(repository, "node_modules");

function run(file: string, ...args: string[]): string {
  const env = { ...process.env, LMCTFY_ROOT: join(place, "root") };
  return execFileSync(file, args, { cwd: project, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Everything below a directory, by its path there. */
function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true, encoding: "utf8" })
    .filter(entry => !entry.isDirectory())
    .map(entry => join(entry.parentPath ?? entry.path, entry.name).slice(directory.length + 1))
    .sort();
}

/** The README's example of the library. */
function example(): string {
  const readme = readFileSync(join(installed, "README.md"), "utf8");
  return /```[jt]s\n(import .*?)```/s.exec(readme)![1]!;
}

before(() => {
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }\n');
  run("npm", "pack", "--silent", "--pack-destination", place, repository);
  const tarball = readdirSync(place).find(name => name.endsWith(".tgz"))!;
  run("npm", "install", "--prefer-offline", "--no-audit", "--no-fund", join(place, tarball));
});

after(() => {
  // The example uses the standard installation, and leaves its empty cgroup subtree to the next program: this one.
  const close = 'const l = new Lmctfy(); await (await l.create("/last")).destroy(); l.close();';
  run(process.execPath, "--input-type=module", "--eval", `import { Lmctfy } from "lmctfy"; ${close}`);
  rmSync(place, { recursive: true, force: true });
});

test("it holds the library and both executors, and no script runs when it is installed", () => {
  const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  assert.equal(manifest.scripts, undefined);
  assert.deepEqual(Object.keys(manifest.dependencies).sort(), ["@bufbuild/protobuf", "yaml"]);

  const modulesOf = (path: string) => /^dist\/(.*?)(\.d\.ts|\.js)$/.exec(path)?.[1];
  const others = files(installed).filter(path => modulesOf(path) === undefined);
  assert.deepEqual(others, [
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "dist/native/executor-aarch64",
    "dist/native/executor-x86_64",
    "package.json",
  ]);
  for (const path of files(installed)) {
    const module = modulesOf(path);
    if (module === undefined) continue;
    assert.ok(existsSync(join(repository, "src", `${module}.ts`)), `${path} has no source: it is stale`);
    assert.doesNotMatch(module, /\.test$|^cli\//);
  }
});

test("the executors are static, and each of its own architecture", () => {
  for (const [name, machine] of [
    ["x86_64", 62],
    ["aarch64", 183],
  ] as const) {
    const elf = readFileSync(join(installed, `dist/native/executor-${name}`));
    assert.equal(elf.subarray(0, 4).toString("latin1"), "\x7fELF");
    assert.equal(elf.readUInt16LE(18), machine);
    const [start, size, count] = [
      Number(elf.readBigUInt64LE(32)),
      elf.readUInt16LE(54),
      elf.readUInt16LE(56),
    ];
    const types = Array.from({ length: count }, (_, index) => elf.readUInt32LE(start + index * size));
    assert.ok(!types.includes(3), `executor-${name} asks for a dynamic linker`);
    assert.ok(elf.length < 64 * 1024, `executor-${name} has ${elf.length} bytes`);
  }
});

for (const runtime of ["node", "bun"]) {
  test(`the README's example runs as printed on ${runtime}`, () => {
    writeFileSync(join(project, "example.js"), example());
    const file = runtime === "node" ? process.execPath : join(modules, ".bin/bun");
    const said = run(file, "example.js");
    assert.match(said, /^contained\nexited 0\n[\d.]+ ms of CPU time\noom\n$/);
  });
}

test("a strict TypeScript project compiles the README's example", () => {
  writeFileSync(join(project, "example.ts"), example());
  const options = { strict: true, module: "NodeNext", target: "ES2022", noEmit: true, types: ["node"] };
  const compilerOptions = {
    ...options,
    typeRoots: [join(modules, "@types")],
    lib: ["ES2022", "ESNext.Disposable"],
  };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["example.ts"] }));
  run(join(modules, ".bin/tsc"), "-p", ".");
});

test("make install puts everything below PREFIX, where it works, and make uninstall takes it away", () => {
  const make = (target: string) =>
    run(
      "make",
      "--no-print-directory",
      "-C",
      repository,
      target,
      `DESTDIR=${place}/staged`,
      "PREFIX=/opt/lmctfy",
    );
  const staged = join(place, "staged/opt/lmctfy");
  make("install");
  assert.match(run(join(staged, "bin/lmctfy"), "version"), /\d+\.\d+\.\d+/);
  const paths = files(staged);
  for (const path of [
    "libexec/lmctfy/cli",
    "lib/systemd/system/lmctfy.service",
    "lib/systemd/system/lxcfs.service.d/lmctfy.conf",
    "share/man/man1/lmctfy.1",
    "share/man/man1/lmctfy-run.1",
    "share/bash-completion/completions/lmctfy",
    "share/zsh/site-functions/_lmctfy",
    "share/fish/vendor_completions.d/lmctfy.fish",
  ]) {
    assert.ok(paths.includes(path), `${path} is missing`);
  }
  make("uninstall");
  assert.deepEqual(files(staged), []);
});
