import { create } from "lmctfy";

// At most half a CPU, 100 MB and 20 processes.
const box = await create("/example", {
  cpu: { max_limit: 500 },
  memory: { limit: 100_000_000 },
  pids: { limit: 20 },
});
try {
  const command = await box.run(["sh", "-c", "echo contained"], { signal: AbortSignal.timeout(10_000) });
  for await (const chunk of command.stdout ?? []) process.stdout.write(chunk); // contained
  const { reason, exitCode, usage } = await command.exited;
  console.log(reason, exitCode); // exited 0
  console.log(`${(usage.userMicros + usage.systemMicros) / 1000} ms of CPU time`);

  // One that wants too much is ended, and why is data.
  const greedy = await box.run(["node", "-e", "Buffer.alloc(300_000_000, 1)"], { stdio: "ignore" });
  console.log((await greedy.exited).reason); // oom
} finally {
  await box.destroy({ force: true }); // and all that runs in it; `await using` does the same
}
