/** How one test, or one check, ended, and how long it took (where that is known). */
export type Result =
  | { readonly kind: "passed"; readonly name: string; readonly ms?: number }
  | { readonly kind: "failed"; readonly name: string; readonly details: string; readonly ms?: number }
  | { readonly kind: "skipped"; readonly name: string; readonly reason: string };

/** One result per line, as the reporter writes them; other lines are not ours. */
export function parseResults(lines: string): Result[] {
  return lines
    .split("\n")
    .filter(line => line.startsWith('{"kind":'))
    .map(line => JSON.parse(line) as Result);
}

export function formatResult(result: Result): string {
  return `${JSON.stringify(result)}\n`;
}

/** The Test Anything Protocol: `ok 1 - name`, `not ok 2 - name`, `ok 3 - name # SKIP reason`. */
export function parseTap(text: string): Result[] {
  const lines = text.split("\n");
  return lines.flatMap((line, index): Result[] => {
    const [, not, name = "", reason] = /^(not )?ok \d+ - (.*?)(?: # SKIP (.*))?$/.exec(line) ?? [];
    if (name === "") return [];
    if (reason !== undefined) return [{ kind: "skipped", name, reason }];
    if (not === undefined) return [{ kind: "passed", name }];
    const rest = lines.slice(index + 1);
    const end = rest.findIndex(next => !next.startsWith("#"));
    return [{ kind: "failed", name, details: rest.slice(0, end < 0 ? rest.length : end).join("\n") }];
  });
}

/** What `bun test --reporter=junit` writes. It has no reasons for skipping. */
export function parseJunit(xml: string): Result[] {
  return [...xml.matchAll(/<testcase ([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs)].map((match): Result => {
    const attribute = (name: string) =>
      unescapeXml(new RegExp(`\\b${name}="([^"]*)"`).exec(match[1]!)?.[1] ?? "");
    const suites = attribute("classname").split(" > ").reverse();
    const path = [...suites, attribute("name")].filter(part => part !== "").join(" > ");
    const name = `${sourceOf(attribute("file"))}: ${path}`;
    const body = match[2] ?? "";
    const failure = /<failure[^>]*?(?:\/>|>(.*?)<\/failure>)/s.exec(body);
    if (failure) return { kind: "failed", name, details: unescapeXml(failure[1] ?? "") };
    if (body.includes("<skipped")) return { kind: "skipped", name, reason: "" };
    return { kind: "passed", name };
  });
}

/** build/src/a.test.js → src/a.test.ts */
export function sourceOf(compiled: string): string {
  return compiled.replace(/^(.*\/)?build\//, "").replace(/\.js$/, ".ts");
}

function unescapeXml(text: string): string {
  const named: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(#x?)?(\w+);/g, (whole, number: string | undefined, value: string) =>
    number === undefined
      ? (named[value] ?? whole)
      : String.fromCodePoint(Number.parseInt(value, number === "#x" ? 16 : 10)),
  );
}
