import type { MessageNode, TextSource } from "./tree.ts";
export function parseYamlTree(_text: string, _name = "spec"): { tree: MessageNode; source: TextSource } {
  throw new Error("todo");
}
