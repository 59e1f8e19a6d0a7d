import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { FLAGS } from "../flags.ts";
import { pages } from "../pages.ts";
import { COMMANDS } from "../table.ts";
import { generated } from "./index.ts";
import { roff } from "./man.ts";

test("a man page for lmctfy and for each first word, with the sections that one expects", () => {
  const man = generated("man");
  assert.deepEqual(
    [...man.keys()].sort(),
    ["lmctfy.1", ...pages().map(page => `lmctfy-${page.word}.1`)].sort(),
  );
  for (const [name, text] of man) {
    const sections = [...text.matchAll(/^\.SH (.*)$/gm)].map(match => match[1]);
    for (const expected of ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"]) {
      assert.ok(sections.includes(expected), `${name} lacks ${expected}`);
    }
    assert.match(text, /^\.TH LMCTFY\S* 1 "" "lmctfy \d+\.\d+\.\d+" "lmctfy"\n/);
    for (const line of text.split("\n")) {
      assert.ok(!line.startsWith(".") || /^\.(TH|SH|SS|TP|PP|RS|RE|EX|EE|nh)\b/.test(line), line);
      assert.ok(!line.startsWith("'"), line);
    }
  }
});

test("roff: nothing of the text means anything to it", () => {
  assert.equal(roff(".x -y \\z"), "\\&.x \\-y \\ez");
  assert.equal(roff("a\n'b"), "a\n\\&'b");
});

test("completions name every command and every flag", () => {
  const files = generated("completions");
  assert.deepEqual([...files.keys()], ["lmctfy.bash", "_lmctfy", "lmctfy.fish"]);
  for (const [name, text] of files) {
    for (const command of COMMANDS) for (const word of command.words) assert.ok(text.includes(word), word);
    for (const flag of FLAGS) {
      const spelling = name.endsWith("fish") ? `-l ${flag.name}` : `--${flag.name}`;
      assert.equal(text.includes(spelling), !flag.hidden, `${name}: ${spelling}`);
    }
  }
});

/** What bash offers after a line; containers are /web and /web/worker. */
function offers(line: string): string[] {
  const script = `
    lmctfy() { printf '/web\\n/web/worker\\n'; }
    ${generated("completions").get("lmctfy.bash")}
    compopt() { :; }
    COMP_WORDS=(${line}${line.endsWith(" ") ? '""' : ""}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _lmctfy && printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync("bash", ["--norc", "-c", script], { encoding: "utf8" });
  assert.equal(stderr, "");
  return stdout.split("\n").filter(word => word !== "");
}

test("bash: commands, menus, flags, containers, and the command in a container", () => {
  assert.deepEqual(offers("lmctfy de"), ["destroy", "detect"]);
  assert.deepEqual(offers("lmctfy list "), ["containers", "pids", "tids", "/web", "/web/worker"]);
  assert.deepEqual(offers("lmctfy list pids /web/"), ["/web/worker"]);
  assert.deepEqual(offers("lmctfy destroy --f"), ["--force"]);
  assert.deepEqual(offers("lmctfy --root /x destroy -f "), ["/web", "/web/worker"]);
  assert.deepEqual(offers("lmctfy destroy /web "), []);
  assert.deepEqual(offers("lmctfy run -u roo"), ["root"]);
  assert.deepEqual(offers("lmctfy run -n /w"), ["/web", "/web/worker"]);
  assert.ok(offers("lmctfy run /web read").includes("readonly"));
  assert.deepEqual(offers("lmctfy bogus "), []);
});
