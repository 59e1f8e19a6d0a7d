/**
 * The table of commands. Parsing, help, usage errors, man pages and completions are made from it; what the commands
 * do is in `commands/`, a file each.
 */
import type { Argument, Command } from "./model.ts";

const container = (summary: string): Argument => ({ name: "NAME", completes: "container", summary });
const ownContainer: Argument = {
  name: "NAME",
  optional: true,
  completes: "container",
  summary: "the container; by default the one that the caller is in, / for none",
};
const specArgument: Argument = {
  name: "SPEC",
  optional: true,
  completes: "none",
  summary: "what is wanted, in protocol buffer text format or JSON",
};

const NAMES =
  "Names are paths: /web/worker is a container in /web. A name without a leading slash starts at the caller's own container.";
const UPDATE =
  "All of it is done or nothing. Memory above a lower limit is taken back where that is possible without killing anybody, and else the limit is refused. A lower pids.limit ends no process. A new memory.eviction_priority or security_spec counts for processes that are started from then on.";
const UPDATE_EXITS = [
  { code: "3", when: "bad spec, no spec, or two of them" },
  { code: "5", when: "there is no such container" },
  {
    code: "9",
    when: "it uses more memory than it is to have, or a container in it has more than that",
  },
  { code: "12", when: "the spec asks for something that is not served here" },
  { code: "14", when: "another command works on it, or the kernel refused" },
];
const EVENT_JSON =
  'one object per line: {"event": "oom", "name": "/web", "time": "2026-01-31T12:00:00.000Z", ...}. With "oom", "ooms": how often nothing was left, and "kills": how many processes were killed for it; with "memory_threshold", "threshold" and "usage" in bytes, and "above", true or false; with "pressure", "resource", "level", and "stall" and "window" in microseconds; with "empty", "populated" and, last with -F, "gone" no more';
const EVENT_EXITS = [
  { code: "3", when: "something is no event, no number, or out of its range" },
  { code: "4", when: "nothing of it happened in the time of -t" },
  { code: "5", when: "there is no such container, or it was destroyed meanwhile" },
  { code: "9", when: "it is /, or the machine cannot tell" },
];
const WAITS = "Without -F, the first event is printed and that is all.";
const NOT_FOUND = { code: "5", when: "there is no such container" };

export const COMMANDS: readonly Command[] = [
  {
    words: ["create"],
    args: [{ ...container("the new container"), completes: "none" }, specArgument],
    flags: ["config"],
    summary: "make a container",
    about: [
      "Makes a container with the limits of a spec, and nothing running in it. The spec is given as an argument or with -c, not both. An empty one is fine: the container then only keeps its processes together.",
      "The spec is what the original takes: the ContainerSpec message in protocol buffer text format, binary form or JSON; a file whose name ends in .yaml may be YAML. A section that is not served is refused, never ignored.",
      NAMES,
      "When a step fails, whatever was made before it is removed again.",
    ],
    json: '{"name": "/web"}',
    examples: [
      {
        call: 'lmctfy create memory_only "memory:{limit:100000000}"',
        does: "at most 100 MB of memory",
      },
      {
        call: 'lmctfy create /build "cpu:{max_limit:500} memory:{limit:1000000000} pids:{limit:100}"',
        does: "half a CPU, 1 GB and 100 processes",
      },
      { call: "lmctfy create -c web.yaml /web", does: "as the file says" },
    ],
    exits: [
      { code: "3", when: "bad name or spec, no spec, or two of them" },
      { code: "6", when: "there is such a container already" },
      { code: "9", when: "the container that it would lie in is missing" },
      { code: "12", when: "the spec asks for something that is not served here" },
    ],
  },
  {
    words: ["run"],
    args: [
      container("the container to run it in"),
      {
        name: "COMMAND",
        rest: true,
        completes: "command",
        summary: "the command and its arguments; a single word with a space in it goes to /bin/sh -c",
      },
    ],
    flags: ["no-wait", "user", "cwd", "env"],
    summary: "run a command in a container",
    about: [
      "Runs a command in a container, with the caller's standard input, output and error, environment and directory, and exits as it does. Signals that ask lmctfy to end are passed on to it.",
      "Everything after NAME belongs to the command, whatever it looks like; flags of lmctfy stand before NAME. A -- right after NAME is dropped.",
      "With -n the command runs in a session of its own, its standard input, output and error are /dev/null, and its process id is printed.",
      "When the kernel killed the command because the container ran out of memory, that is said on standard error.",
    ],
    json: 'with -n {"name": "/web", "pid": 4711}; else, as the last line of standard error, {"result": {"name": "/web", "reason": "exited", "exit_code": 0, "signal": null, "oom": false, "usage": {...}}}. "reason" is exited, signalled or oom',
    examples: [
      { call: 'lmctfy run memory_only "echo hello world"', does: "through the shell" },
      { call: "lmctfy run -u nobody -w /tmp /build make -j4 all", does: "as it stands, as nobody in /tmp" },
      { call: "lmctfy run -n /web httpd -f", does: "in the background; -f is httpd's" },
    ],
    exits: [
      { code: "0-255", when: "what the command exits with" },
      { code: "126", when: "the command cannot be executed" },
      { code: "127", when: "the command is not there" },
      { code: "128+N", when: "signal N killed the command; 137 is SIGKILL, also when memory ran out" },
      NOT_FOUND,
    ],
  },
  {
    words: ["list", "containers"],
    isDefault: true,
    args: [ownContainer],
    flags: ["recursive"],
    summary: "list the containers in a container",
    about: [
      "Lists the containers that lie directly in a container, or with -r at any depth, sorted by name. The container itself is not listed.",
    ],
    json: '{"containers": [{"name": "/web", "state": "running"}]}; "state" is empty, running or frozen, for the container with all below it',
    examples: [
      { call: "lmctfy list", does: "those in the caller's own container" },
      { call: "lmctfy list -r -v /", does: "all of them, names only" },
    ],
    exits: [NOT_FOUND],
  },
  {
    words: ["list", "pids"],
    args: [ownContainer],
    flags: ["recursive"],
    summary: "list the processes in a container",
    about: [
      "Lists the ids of the processes in a container, ascending, or with -r also of those in the containers below it.",
    ],
    json: '{"pids": [4711, 4712]}',
    examples: [{ call: "lmctfy list pids -r -v /web", does: "numbers only" }],
    exits: [NOT_FOUND],
  },
  {
    words: ["list", "tids"],
    args: [ownContainer],
    flags: ["recursive"],
    summary: "list the threads in a container",
    about: [
      "Lists the ids of the threads in a container, ascending, or with -r also of those in the containers below it.",
    ],
    json: '{"tids": [4711, 4712]}',
    examples: [{ call: "lmctfy list tids /web", does: "those of /web alone" }],
    exits: [NOT_FOUND],
  },
  {
    words: ["stats", "summary"],
    isDefault: true,
    args: [ownContainer],
    flags: ["binary", "recursive", "watch"],
    summary: "show what a container uses",
    about: [
      "Prints the statistics of a container that are cheap to get, as the ContainerStats message in protocol buffer text format. Memory is in bytes, time in nanoseconds.",
      "With -r also of the containers below, at any depth; with --watch again and again, until interrupted. Then a comment with name and time stands above each.",
    ],
    json: 'the fields of ContainerStats; a number that JSON cannot hold exactly is a string of digits. With -r or --watch a line per reading: {"time": "2026-01-01T12:00:00.000Z", "containers": [{"name": "/web", "stats": {...}}]}',
    examples: [
      { call: "lmctfy stats summary /web", does: "what /web uses now" },
      { call: "lmctfy stats -r --json /", does: "what all containers use" },
      { call: "lmctfy stats --watch 1 /web", does: "every second" },
    ],
    exits: [NOT_FOUND],
  },
  {
    words: ["stats", "full"],
    args: [ownContainer],
    flags: ["binary", "recursive", "watch"],
    summary: "show everything known about what a container uses",
    about: ["Like stats summary, with everything that the kernel tells."],
    json: "as stats summary",
    examples: [{ call: "lmctfy stats full --json /web", does: "everything, for a program" }],
    exits: [NOT_FOUND],
  },
  {
    words: ["stats", "histograms"],
    args: [ownContainer],
    flags: ["seconds"],
    summary: "count how a container's tasks are scheduled, for a while",
    about: [
      "Follows the tasks of a container and of those below it for some seconds, and prints five histograms: how long they ran in one stretch, were busy from waking to sleeping, slept, and waited for a CPU because of their own container or of others.",
      "It takes bpftrace, which follows the scheduler's tracepoints, root, and a cgroup v2 hierarchy. What runs meanwhile is a little slower.",
    ],
    json: '{"histograms": [{"type": "ONCPU", "stat": [{"bucket": 1000, "value": "5"}]}]}: the bucket is the upper bound in nanoseconds, 2147483647 for what is above all others',
    examples: [{ call: "lmctfy stats histograms -s 5 /web", does: "five seconds of /web" }],
    exits: [NOT_FOUND],
  },
  {
    words: ["top"],
    args: [ownContainer],
    flags: ["delay", "count", "sort", "batch"],
    summary: "show what containers use, live",
    about: [
      "Shows the containers in a container, at any depth, with what they use: CPU in hundredths of one, memory and its limit, what they read from and write to disks per second, and processes. In a terminal it is redrawn; the keys c, m, i, p and n sort, q ends. Elsewhere a table is printed for each reading, the first after one interval.",
    ],
    json: 'a line per reading: {"time": "2026-01-01T12:00:00.000Z", "containers": [{"name": "/web", "cpu_percent": 12.5, "memory_bytes": 1048576, "memory_limit_bytes": 100000000, "read_bytes_per_second": 0, "write_bytes_per_second": 0, "pids": 3}]}; what is not known is left out',
    examples: [
      { call: "lmctfy top /", does: "all containers" },
      { call: "lmctfy top --sort memory --count 1 / | head", does: "who uses most memory" },
    ],
    exits: [NOT_FOUND],
  },
  {
    words: ["spec"],
    args: [ownContainer],
    flags: ["binary"],
    summary: "show the spec of a container",
    about: [
      "Prints the ContainerSpec that the container has, in protocol buffer text format. What it prints, create accepts.",
    ],
    json: "the fields of ContainerSpec; a number that JSON cannot hold exactly is a string of digits",
    examples: [{ call: "lmctfy spec /web", does: "what /web was made with" }],
    exits: [NOT_FOUND],
  },
  {
    words: ["check"],
    args: [container("the container")],
    flags: [],
    summary: "show what protects the machine from a container, and grade it",
    about: [
      "Prints what keeps the commands of a container from the machine and from each other (users, namespaces, root directory, capabilities, system calls, devices, limits), what is left open, and what would close it. 100 points less what is open make the grade: A from 90, B from 75, C from 60, D from 40, E from 20.",
      "Processes that are in it are looked at in /proc: where the kernel does not say what the spec says, that is told. A process that was brought in with enter has the rights that it had.",
    ],
    json: '{"name": "/web", "grade": "A", "score": 93, "findings": [{"item": "users", "verdict": "good", "cost": 0, "text": "..."}], "processes": 2, "differences": [{"pid": 4711, "text": "..."}]}; "verdict" is good, weak, bad, or note, which costs nothing',
    examples: [{ call: "lmctfy check /web", does: "what protects the machine from /web" }],
    exits: [NOT_FOUND, { code: "9", when: "it is /" }],
  },
  {
    words: ["update", "diff"],
    isDefault: true,
    args: [container("the container"), specArgument],
    flags: ["config"],
    summary: "change some limits of a container",
    about: [
      "Changes the fields that a spec names, while the container runs; all others stay as they are. A limit is removed by -1, cpu.max_limit by the largest number it takes; what cannot be removed so (cpu.mask) goes with update replace. The spec is given as for create.",
      UPDATE,
    ],
    json: '{"name": "/web"}',
    examples: [
      { call: 'lmctfy update /web "pids:{limit:200}"', does: "more processes, all else as it was" },
      { call: 'lmctfy update diff /web "memory:{limit:-1}"', does: "no memory limit any more" },
    ],
    exits: UPDATE_EXITS,
  },
  {
    words: ["update", "replace"],
    args: [container("the container"), specArgument],
    flags: ["config"],
    summary: "change all limits of a container",
    about: [
      "Makes a container what create would have made of the spec, while it runs: whatever the spec does not name goes back to its default.",
      UPDATE,
    ],
    json: '{"name": "/web"}',
    examples: [
      { call: "lmctfy update replace -c web.yaml /web", does: "what the file says, and nothing else" },
    ],
    exits: UPDATE_EXITS,
  },
  {
    words: ["destroy"],
    args: [container("the container")],
    flags: ["force"],
    summary: "remove a container",
    about: [
      "Removes a container. While there are containers or processes in it that is refused; with -f, the processes are killed and the containers in it are removed first.",
    ],
    json: '{"name": "/web"}',
    examples: [{ call: "lmctfy destroy -f /web", does: "with all that is in it" }],
    exits: [NOT_FOUND, { code: "9", when: "there is something in it, and no -f" }],
  },
  {
    words: ["enter"],
    args: [
      container("the container"),
      {
        name: "PID",
        optional: true,
        rest: true,
        completes: "pid",
        summary: "ids of processes; by default that of the process that called lmctfy",
      },
    ],
    flags: [],
    summary: "take running processes into a container",
    about: [
      "Moves processes that run already into a container, whole ones with all their threads: all of them or none. Without an id that is the caller, which in a shell is the shell itself, so that what it starts from then on is in the container.",
      "What they have used so far stays charged where they were, and children that they started before stay there.",
      "Flags of lmctfy stand before NAME.",
    ],
    json: '{"name": "/web", "pids": [4711]}',
    examples: [
      { call: "lmctfy enter /web", does: "this shell" },
      { call: "lmctfy enter /web 4711 4712", does: "two processes" },
    ],
    exits: [
      { code: "3", when: "PID is not a number, or NAME is /" },
      { code: "5", when: "there is no such container or process" },
      {
        code: "9",
        when: "it is a thread of the kernel or in another PID namespace, or the container is paused",
      },
    ],
  },
  {
    words: ["wait"],
    args: [container("the container")],
    flags: ["timeout"],
    summary: "wait until nothing runs in a container",
    about: [
      "Waits until neither the container nor one below it has a process any more, and returns at once when there is none. What a command exited with, run tells.",
    ],
    json: '{"name": "/web"}',
    examples: [
      { call: "lmctfy wait /web && lmctfy destroy /web", does: "when all of it is done" },
      { call: "lmctfy wait -t 10 /web || lmctfy killall /web", does: "for ten seconds at most" },
    ],
    exits: [
      { code: "4", when: "something still runs when the time is over" },
      { code: "5", when: "there is no such container, or it was destroyed meanwhile" },
    ],
  },
  {
    words: ["start"],
    args: [container("the virtual host")],
    flags: [],
    summary: "start a virtual host",
    about: [
      "Starts the init of a virtual host and returns when it runs. Commands that are run in it from then on see each other; before, each has a machine of its own, which ends with it.",
      "Without virtual_host.init it is a small one that waits to be stopped.",
    ],
    json: '{"name": "/web", "pid": 4711}; "pid" is that of its init',
    examples: [{ call: "lmctfy start /web", does: "until lmctfy stop /web" }],
    exits: [NOT_FOUND, { code: "9", when: "it runs already, is paused, or is no virtual host" }],
  },
  {
    words: ["stop"],
    args: [container("the virtual host")],
    flags: ["timeout"],
    summary: "stop a virtual host",
    about: [
      "Tells the init of a virtual host to shut down (virtual_host.init.stop_signal; SIGRTMIN+3 for systemd, else SIGTERM), or with the default init every process to end (SIGTERM), waits for that, and kills what is left after ten seconds, a minute for a whole system, or as many as -t says. One that does not run is fine.",
    ],
    json: '{"name": "/web"}',
    examples: [{ call: "lmctfy stop -t 60 /web", does: "with a minute to shut down" }],
    exits: [NOT_FOUND, { code: "9", when: "it is no virtual host" }],
  },
  {
    words: ["restart"],
    args: [container("the virtual host")],
    flags: ["timeout"],
    summary: "stop a virtual host and start it again",
    about: ["As stop and then start; one that does not run is started."],
    json: '{"name": "/web", "pid": 4711}; "pid" is that of its init',
    examples: [{ call: "lmctfy restart /web", does: "a fresh start" }],
    exits: [NOT_FOUND, { code: "9", when: "it is no virtual host, or does not start" }],
  },
  {
    words: ["notify", "any"],
    isDefault: true,
    args: [
      container("the container"),
      {
        name: "SPEC",
        optional: true,
        completes: "none",
        summary: "the events, as an EventSpec in protocol buffer text format or JSON",
      },
    ],
    flags: ["config", "follow", "timeout"],
    summary: "wait for one of several events",
    about: [
      "Waits until one of several events happens in a container or below it. Without a spec: memory runs out, the first process begins, or the last one ends.",
      `${WAITS} When the container goes away, that is an error.`,
    ],
    json: EVENT_JSON,
    examples: [
      { call: "lmctfy notify -F --json /web", does: "whatever happens, as it happens" },
      {
        call: "lmctfy notify any /web 'oom:{} memory_threshold:{usage:80000000}'",
        does: "what comes first",
      },
    ],
    exits: EVENT_EXITS,
  },
  {
    words: ["notify", "memory"],
    args: [
      { name: "EVENT", completes: "none", summary: "of memory: oom or threshold" },
      container("the container"),
      { name: "BYTES", optional: true, completes: "none", summary: "the threshold, of usage" },
    ],
    flags: ["follow", "timeout"],
    summary: "wait until memory runs out, or much is used",
    about: [
      "With oom, waits until memory has run out in a container or below it, or one of its processes was killed because memory had run out elsewhere.",
      "With threshold, waits until the memory that is used in a container and below, page cache included, is BYTES or more; when it is already, that is said at once. With -F, also when it is less again.",
      WAITS,
    ],
    json: EVENT_JSON,
    examples: [
      { call: "lmctfy notify memory oom /web", does: "the next time" },
      { call: "lmctfy notify memory threshold /web 80000000", does: "80 MB" },
    ],
    exits: EVENT_EXITS,
  },
  {
    words: ["notify", "empty"],
    args: [container("the container")],
    flags: ["follow", "timeout"],
    summary: "wait until the last process in a container ends",
    about: [
      "Waits until the last process in a container and below ends. In one that is empty already, that takes another process first; lmctfy wait returns at once.",
      WAITS,
    ],
    json: EVENT_JSON,
    examples: [{ call: "lmctfy notify empty -F /web", does: "each time" }],
    exits: EVENT_EXITS,
  },
  {
    words: ["notify", "pressure"],
    args: [
      { name: "RESOURCE", completes: "none", summary: "what they wait for: cpu, memory or io" },
      container("the container"),
    ],
    flags: ["stall", "window", "full", "follow", "timeout"],
    summary: "wait until processes wait too long for a resource",
    about: [
      "Waits until processes in a container and below have waited for CPU, memory or disks as long as --stall says, out of a --window of time that moves on. The kernel measures it (PSI), of cgroup version 2 alone.",
      WAITS,
    ],
    json: EVENT_JSON,
    examples: [
      { call: "lmctfy notify pressure memory /web", does: "0.2 s of 2 s" },
      {
        call: "lmctfy notify pressure io --full --stall 0.5 --window 1 -F /web",
        does: "each second that was half lost for all of them",
      },
    ],
    exits: EVENT_EXITS,
  },
  {
    words: ["pause"],
    args: [container("the container")],
    flags: [],
    summary: "stop everything in a container, to go on later",
    about: [
      "Stops every process in a container and in those below it where it is, and returns when all stand still. They get no CPU time until resume; their memory stays in use. A container that is paused already stays so.",
      "Commands that are run in it wait until it is resumed. killall and destroy -f work as ever.",
      "When a process does not stop within five seconds, because a disk does not answer for instance, that is said, and everything goes on.",
    ],
    json: '{"name": "/web"}',
    examples: [{ call: "lmctfy pause /web", does: "until lmctfy resume /web" }],
    exits: [
      NOT_FOUND,
      { code: "9", when: "it is /, or a process does not stop" },
      { code: "14", when: "another command works on it, or on one below" },
    ],
  },
  {
    words: ["resume"],
    args: [container("the container")],
    flags: [],
    summary: "let a paused container go on",
    about: [
      "Lets everything in a paused container go on. Containers below that were paused by themselves stay so. One that is not paused is left as it is.",
    ],
    json: '{"name": "/web"}',
    examples: [{ call: "lmctfy resume /web", does: "undo lmctfy pause /web" }],
    exits: [NOT_FOUND, { code: "9", when: "it is /, or a container above it is paused" }],
  },
  {
    words: ["killall"],
    args: [container("the container")],
    flags: ["recursive"],
    summary: "kill all processes in a container",
    about: [
      "Sends SIGKILL to every process in a container and in those below it, at any depth, and waits until they are gone. A process that forks meanwhile does not slip through. What is paused is killed as well, and nothing is paused afterwards.",
      "The containers below are always part of it, with -r or without: what is in them is in the container.",
    ],
    json: '{"name": "/web"}',
    examples: [{ call: "lmctfy killall /web", does: "end all that runs in it" }],
    exits: [NOT_FOUND, { code: "9", when: "it is /, or a process did not die" }],
  },
  {
    words: ["detect"],
    args: [
      {
        name: "PID",
        optional: true,
        completes: "pid",
        summary: "id of a process or thread; by default that of the caller",
      },
    ],
    flags: [],
    summary: "tell which container a process is in",
    about: ["Prints the name of the container that a process is in, / when it is in none."],
    json: '{"name": "/web"}',
    examples: [{ call: "lmctfy detect 4711", does: "where process 4711 is" }],
    exits: [
      { code: "3", when: "PID is not a number" },
      { code: "5", when: "there is no such process" },
    ],
  },
  {
    words: ["plan"],
    args: [container("the container")],
    flags: [],
    summary: "show the system calls that make and enter a container",
    about: [
      "Prints what create did, and then, step by step, the compiled program that run executes: the system calls as strace would print them, grouped by what they are for.",
    ],
    json: '{"name": "/web", "create": ["..."], "run": [{"step": 1, "label": "...", "stage": "...", "on_error": "fail"}]}; "on_error" is fail, ignore or jump, and a jump has a "target", one past the last step for the end',
    examples: [{ call: "lmctfy plan /web", does: "every system call, in order" }],
    exits: [NOT_FOUND],
  },
  {
    words: ["init"],
    args: [specArgument],
    flags: ["config"],
    summary: "prepare the machine",
    about: [
      "Prepares the machine for containers: directories and the cgroup subtree. After a restart of the machine it makes the cgroups and programs of all containers again, and prints their names; nothing runs in them. In those that run, the files of an lxcfs that was restarted are mounted anew. What is there already is left alone. The other commands do the same for the container they work on. An InitSpec may be given as an argument or with -c.",
      "The systemd unit lmctfy.service does this at each start of the machine: `systemctl enable --now lmctfy`.",
    ],
    json: '{"containers": [{"name": "/web"}]}',
    examples: [{ call: "lmctfy init", does: "after installation or a restart, if at all" }],
    exits: [
      { code: "9", when: "a container could not be made again; the others were" },
      { code: "12", when: "the machine lacks what is needed" },
    ],
  },
  {
    words: ["gc"],
    args: [],
    flags: [],
    summary: "remove what killed commands left behind",
    about: [
      "Finishes or undoes what commands began that were killed on their way, and prints the names of the containers concerned. Every command does that for the container it works on, so this is hardly ever needed.",
    ],
    json: '{"containers": [{"name": "/web"}]}',
    examples: [{ call: "lmctfy gc", does: "look, and clean up" }],
    exits: [],
  },
  {
    words: ["features"],
    args: [],
    flags: [],
    summary: "tell what this machine can do",
    about: [
      "Tells what the kernel offers: version, cgroup layout and controllers, namespaces, system calls and security modules.",
    ],
    json: '{"kernel": {"release", "arch"}, "cgroup": {"layout", "hierarchies": [{"version", "mount_point", "controllers"}], "disabled", "kill", "freeze", "swap_accounting", "pressure"}, "namespaces": {...}, "user_namespaces": {"max", "unprivileged"}, "perf_events": {"software", "hardware"}, "syscalls": {...}, "syscalls_error", "security": {"lsms", "seccomp_actions"}, "caller": {"uid", "gid", "capabilities", "missing_capabilities"}}. What can be there or not is yes, no, denied or unknown; names are only ever added',
    examples: [{ call: "lmctfy features --json", does: "for a program" }],
    exits: [],
  },
  {
    words: ["version"],
    args: [],
    flags: [],
    summary: "print the version",
    about: ["Prints the version of lmctfy."],
    json: '{"version": "0.1.0", "program_format": 1, "arch": "x86_64", "runtime": {"name": "bun", "version": "..."}}',
    examples: [{ call: "lmctfy version", does: "name and number" }],
    exits: [],
  },
  {
    words: ["help"],
    args: [
      {
        name: "COMMAND",
        optional: true,
        rest: true,
        completes: "topic",
        summary: "one or two words: run, list pids",
      },
    ],
    flags: [],
    summary: "explain a command, or list all",
    about: ["Explains a command, or lists all of them."],
    json: "the table of commands and flags",
    examples: [{ call: "lmctfy help run", does: "all about run" }],
    exits: [{ code: "5", when: "there is no such command" }],
  },
];
