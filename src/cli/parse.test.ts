import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FLAGS } from "./flags.ts";
import type { Flags } from "./model.ts";
import { parse, usage } from "./parse.ts";
import { COMMANDS } from "./table.ts";

/** What a line of words separated by spaces is understood as, in short. */
function understood(line: string): { command: string | undefined; args: string[]; flags: Partial<Flags> } {
  const { command, args, flags, problem } = parse(line.split(" ").filter(word => word !== ""));
  assert.equal(problem, undefined);
  const { style, ...others } = flags;
  return {
    command: command?.words.join(" "),
    args,
    flags: style === "auto" ? others : { ...others, style },
  };
}

/** The error of a line. */
function trouble(...words: string[]): { code: string; message: string; hint: string | undefined } {
  const { problem } = parse(words);
  assert.ok(problem, `${words.join(" ")} is understood`);
  const { code, message, hint } = problem;
  return { code, message, hint };
}

describe("commands", () => {
  test("one word, two words, and the default of a menu", () => {
    assert.deepEqual(understood("destroy /a"), { command: "destroy", args: ["/a"], flags: {} });
    assert.deepEqual(understood("list pids /a"), { command: "list pids", args: ["/a"], flags: {} });
    assert.deepEqual(understood("list"), { command: "list containers", args: [], flags: {} });
    assert.deepEqual(understood("list /a"), { command: "list containers", args: ["/a"], flags: {} });
    assert.deepEqual(understood("list ./pids"), { command: "list containers", args: ["./pids"], flags: {} });
    assert.deepEqual(understood("stats"), { command: "stats summary", args: [], flags: {} });
    assert.deepEqual(understood("stats full"), { command: "stats full", args: [], flags: {} });
    assert.deepEqual(understood(""), { command: undefined, args: [], flags: {} });
  });

  test("a misspelt one", () => {
    assert.deepEqual(trouble("destory", "/a"), {
      code: "NOT_FOUND",
      message: 'there is no command "destory"',
      hint: "Did you mean lmctfy destroy?",
    });
    assert.equal(trouble("list", "pid", "/a").hint, "Did you mean lmctfy list pids?");
    assert.equal(trouble("xyzzy").hint, "lmctfy help lists the commands.");
  });

  test("too few and too many arguments", () => {
    assert.deepEqual(trouble("destroy"), {
      code: "INVALID_ARGUMENT",
      message: "destroy: NAME is missing",
      hint: "Usage: lmctfy destroy [-f] NAME",
    });
    assert.equal(trouble("run", "/a").message, "run: COMMAND is missing");
    assert.equal(trouble("destroy", "/a", "/b").message, 'destroy: "/b" is one argument too many');
  });
});

describe("flags", () => {
  test("short, long, bundled, before and after the words", () => {
    const same = { command: "list pids", args: ["/a"], flags: { recursive: true, style: "values" } };
    for (const line of [
      "list pids -r -v /a",
      "list pids /a -rv",
      "-vr list pids /a",
      "list --recursive pids --values /a",
      "--values list -r pids -- /a",
    ]) {
      assert.deepEqual(understood(line), same, line);
    }
  });

  test("values: attached, after =, or the next word, whatever it looks like", () => {
    for (const line of ["create /a -c FILE", "create /a -cFILE", "create /a --config=FILE"]) {
      assert.equal(understood(line).flags.config, "FILE", line);
    }
    assert.equal(understood("create /a --config --force").flags.config, "--force");
    assert.equal(understood("create /a --config=a=b").flags.config, "a=b");
    assert.equal(understood("create /a -c -").flags.config, "-");
    assert.deepEqual(understood("run -e A=1 -eB=2 /a env").flags.env, ["A=1", "B=2"]);
  });

  test("the original's spellings", () => {
    assert.deepEqual(understood("destroy /a --lmctfy_force").flags, { force: true });
    assert.deepEqual(understood("destroy /a --lmctfy_force=true").flags, { force: true });
    assert.deepEqual(understood("destroy /a -f --lmctfy_force=false").flags, {});
    assert.deepEqual(understood("list pids --lmctfy_recursive").flags, { recursive: true });
    assert.deepEqual(understood("run --lmctfy_no_wait /a ls").flags, { noWait: true });
    assert.deepEqual(understood("spec /a --lmctfy_binary").flags, { style: "binary" });
    assert.deepEqual(understood("create /a --lmctfy_config=f").flags, { config: "f" });
    assert.deepEqual(understood("list --lmctfy_output_style=long").flags, { style: "long" });
    assert.deepEqual(understood("--lmctfy_print_help").flags, { help: true });
    assert.deepEqual(understood("--lmctfy_version").flags, { version: true });
    assert.equal(trouble("list", "--lmctfy_output_style=wide").code, "INVALID_ARGUMENT");
    assert.equal(trouble("list", "--output_style=long").code, "INVALID_ARGUMENT");
  });

  test("the last output style counts", () => {
    assert.equal(understood("list --json -l").flags.style, "long");
    assert.equal(understood("list -l --json").flags.style, "json");
    assert.equal(understood("list --json=false").flags.style, undefined);
  });

  test("- and negative numbers are no flags", () => {
    assert.deepEqual(understood("detect -5").args, ["-5"]);
    assert.deepEqual(understood("destroy -").args, ["-"]);
  });

  test("unknown, misplaced, incomplete", () => {
    assert.deepEqual(trouble("list", "--recursve"), {
      code: "INVALID_ARGUMENT",
      message: "unknown flag --recursve",
      hint: "Did you mean --recursive?",
    });
    assert.equal(trouble("destroy", "-fx", "/a").message, "unknown flag -x in -fx");
    assert.match(trouble("destroy", "-x", "/a").hint!, /^The flags are -h .* -f; see lmctfy help destroy\.$/);
    assert.deepEqual(trouble("list", "-f"), {
      code: "INVALID_ARGUMENT",
      message: "list containers takes no -f",
      hint: "It is a flag of destroy.",
    });
    assert.equal(trouble("create", "/a", "-c").message, "-c lacks its value");
    assert.equal(trouble("destroy", "/a", "--force=maybe").code, "INVALID_ARGUMENT");
  });

  test("after a problem the rest is still read", () => {
    const { flags, problem } = parse(["list", "--bogus", "--json"]);
    assert.equal(flags.style, "json");
    assert.equal(problem?.message, "unknown flag --bogus");
  });
});

describe("run", () => {
  test("what follows the name is the command's, flags and all", () => {
    assert.deepEqual(understood("run -n /a ls -n --json -h -- -c"), {
      command: "run",
      args: ["/a", "ls", "-n", "--json", "-h", "--", "-c"],
      flags: { noWait: true },
    });
    assert.deepEqual(understood("run /a -n").args, ["/a", "-n"]);
  });

  test("only a -- right after the name is dropped", () => {
    assert.deepEqual(understood("run /a -- ls --").args, ["/a", "ls", "--"]);
    assert.deepEqual(understood("run /a -- -- ls").args, ["/a", "--", "ls"]);
    assert.deepEqual(understood("run -- /a ls").args, ["/a", "ls"]);
    assert.equal(trouble("run", "/a", "--").message, "run: COMMAND is missing");
  });

  test("property: the words of the command are untouched", () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom("-n", "--", "-rf", "--json", "-h", "help", "run", "", "-", "--root"),
    );
    const flags = fc.subarray(["-n", "--json", "-l", "-uroot", "--cwd=/tmp", "-e=1"]);
    fc.assert(
      fc.property(flags, fc.array(word, { minLength: 1 }), (before, words) => {
        fc.pre(words[0] !== "--");
        const parsed = parse(["run", ...before, "/a", ...words]);
        assert.deepEqual(parsed.args, ["/a", ...words]);
        assert.deepEqual(parse(["run", ...before, "/a", "--", ...words]), parsed);
        assert.equal(parsed.problem, undefined);
        assert.equal(parsed.flags.help, undefined);
      }),
    );
  });
});

test("property: no words crash the parser, and every problem has a canonical code", () => {
  const word = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.constantFrom(...COMMANDS.flatMap(c => c.words)),
    fc.constantFrom(...FLAGS.flatMap(f => [`--${f.name}`, `-${f.short ?? "z"}`, `--${f.original ?? ""}=`])),
    fc.constantFrom("--", "-", "--=", "-=", "__proto__", "--__proto__", "constructor", "--constructor=1"),
  );
  fc.assert(
    fc.property(fc.array(word), words => {
      const { problem, command, args } = parse(words);
      if (problem) assert.match(problem.code, /^(INVALID_ARGUMENT|NOT_FOUND|UNIMPLEMENTED)$/);
      else if (command) assert.ok(args.length >= command.args.filter(a => !a.optional).length);
    }),
    { numRuns: 2000 },
  );
});

test("usage lines", () => {
  const lines = COMMANDS.map(usage);
  assert.ok(lines.includes("lmctfy list [containers] [-r] [NAME]"));
  assert.ok(lines.includes("lmctfy run [-n] [-u USER[:GROUP]] [-w DIR] [-e NAME=VALUE]... NAME COMMAND..."));
  assert.ok(lines.includes("lmctfy create [-c FILE] NAME [SPEC]"));
});
