/** `stats -r`, `stats --watch` and `top`: what is read again and again. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { COMMAND, execute, Rig, TOOL } from "../rig/rig.ts";

interface Reading {
  time: string;
  containers: { name: string; cpu_percent?: number; pids?: number; stats?: { pids: { current: string } } }[];
}

const lines = (text: string): Reading[] =>
  text
    .trim()
    .split("\n")
    .map(line => JSON.parse(line) as Reading);

async function busy(rig: Rig) {
  const container = await rig.create("/busy");
  await rig.create("/idle");
  await rig.create("/idle/below");
  return container.run([TOOL, "spin", "1000"], { stdio: "ignore" });
}

test("top: who uses most comes first", async () => {
  await using rig = Rig.create();
  await using _spinner = await busy(rig);
  const said = await rig.command(["top", "--json", "-d", "0.3", "--count", "2", "/"]);
  assert.equal(said.code, 0, said.stderr);
  const readings = lines(said.stdout);
  assert.equal(readings.length, 2);
  for (const { containers } of readings) {
    assert.deepEqual(
      containers.map(({ name }) => name),
      ["/busy", "/idle", "/idle/below"],
    );
    assert.ok(containers[0]!.cpu_percent! > 5, JSON.stringify(containers[0]));
    assert.equal(containers[0]!.pids, 1);
    assert.equal(containers[1]!.cpu_percent, 0);
  }
  const table = await rig.command(["top", "-d", "0.1", "--count", "1", "--sort", "name", "/idle"]);
  assert.match(table.stdout, /^ +CPU% +MEMORY.*NAME\n.*\/idle\/below\n\n$/);
});

test("top in a terminal: drawn, sorted by keys, and the terminal is as it was", async () => {
  await using rig = Rig.create();
  await using _spinner = await busy(rig);
  const env = { ...process.env, LMCTFY_ROOT: rig.root, TERM: "xterm" };
  const end = async (word: string): Promise<string> => {
    const script = `stty -a >/dev/null; '${COMMAND}' top -d 0.2 /; echo "code $?"; stty -a`;
    const child = spawn("script", ["-qec", `sh -c '${script.replaceAll("'", "'\\''")}'`, "/dev/null"], {
      env,
    });
    let output = "";
    // Each key once, when what it is for is on the screen.
    const keys = [
      ["/busy", "m"],
      ["by memory", word],
    ];
    child.stdout.on("data", text => {
      output += text;
      if (keys[0] && output.includes(keys[0][0]!)) child.stdin.write(keys.shift()![1]!);
    });
    child.stdin.on("error", () => {});
    await once(child, "close");
    return output;
  };
  for (const word of ["q", "\x03"]) {
    const output = await end(word);
    assert.match(output, /by cpu.*by memory/s);
    const after = output.split("\x1b[?1049l").at(-1)!;
    assert.match(after, /code 0/);
    assert.match(after, /[^-]icanon.*[^-]echo /s, "it echoes and reads lines again");
    assert.ok(output.includes("\x1b[?25h"), "the cursor is back");
  }
});

test("top and stats --watch end with the signal that interrupts them", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  for (const args of [
    ["top", "-d", "0.05", "/"],
    ["stats", "--watch", "0.05", "/a"],
    ["stats", "-r", "--json", "--watch", "0.05", "/"],
  ]) {
    const child = spawn(COMMAND, args, {
      env: { ...process.env, LMCTFY_ROOT: rig.root },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGINT");
    assert.deepEqual(await once(child, "exit"), [null, "SIGINT"], args.join(" "));
  }
});

test("stats -r reads the container and all below; --watch tells when it goes away", async () => {
  await using rig = Rig.create();
  await using _spinner = await busy(rig);
  const [reading] = lines((await rig.command(["stats", "-r", "--json", "/idle"])).stdout);
  assert.deepEqual(
    reading!.containers.map(({ name }) => name),
    ["/idle", "/idle/below"],
  );
  assert.equal(Number(reading!.containers[0]!.stats!.pids.current), 0);
  const text = (await rig.command(["stats", "full", "-r", "/busy"])).stdout;
  assert.match(text, /^# \/busy \d{4}-.*\ncpu \{/);

  const idle = await rig.lmctfy.get("/idle");
  const watching = execute(COMMAND, ["stats", "--watch", "0.05", "/idle/below"], {
    env: { LMCTFY_ROOT: rig.root },
  });
  await (await rig.lmctfy.get("/idle/below")).destroy();
  const said = await watching;
  assert.equal(said.code, 5, said.stderr);
  await idle.destroy();
});

test("wrong words", async () => {
  await using rig = Rig.create();
  for (const [args, message] of [
    [["top", "--sort", "size", "/"], /--sort/],
    [["top", "--count", "0", "/"], /--count 0: a number from 1 on/],
    [["top", "-d", "x", "/"], /--delay x: not a number of seconds/],
    [["stats", "--watch", "0", "/"], /--watch 0: 0\.01 seconds or more/],
    [["stats", "-r", "-b", "/"], /--binary is for one reading/],
  ] as const) {
    const said = await rig.command(args);
    assert.equal(said.code, 3, args.join(" "));
    assert.match(said.stderr, message);
  }
});
