/** Specs and statistics: their types, and reading and writing them. */
export type { EnumName, Field, FieldNotes, Input, Message, Resolved } from "./descriptor.ts";
export { formatMessage, formatSpec } from "./format.ts";
export { formatJson, toJson } from "./json-print.ts";
export { mergeSpec } from "./merge.ts";
export * from "./messages/blockio.ts";
export * from "./messages/container.ts";
export * from "./messages/cpu.ts";
export * from "./messages/device.ts";
export * from "./messages/event.ts";
export * from "./messages/filesystem.ts";
export type * from "./messages/init.ts";
export * from "./messages/memory.ts";
export * from "./messages/network.ts";
export * from "./messages/run.ts";
export * from "./messages/small.ts";
export type * from "./messages/stats.ts";
export type * from "./messages/stats-cpu.ts";
export type * from "./messages/stats-memory.ts";
export * from "./messages/virtual_host.ts";
export {
  fromObject,
  type ParseOptions,
  parseJson,
  parseMessage,
  parseSpec,
  parseText,
  type SpecFormat,
  specFromObject,
} from "./parse.ts";
export { formatText } from "./text-print.ts";
