import type { Message, Resolved } from "./descriptor.ts";
export function parseBinary<M extends Message>(_type: M, _input: Uint8Array, _source = "spec"): Resolved<M> {
  throw new Error("todo");
}
