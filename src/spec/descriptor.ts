/**
 * The table that everything about specs comes from. Each message is declared once, as data (`messages/`); its
 * TypeScript types, its text, JSON, YAML and binary forms, the .proto, the JSON Schema and the documentation follow.
 */

/** The scalar types of protobuf that specs use. */
export type Scalar = "bool" | "double" | "int32" | "int64" | "string" | "uint32" | "uint64";

/** How often a field occurs. */
export type Label = "optional" | "required" | "repeated";

/** What a field may hold. */
export type FieldType = Scalar | Enum | Message;

/** Facts about a field that only people read. Resources check ranges, not this layer, which knows wire types only. */
export interface FieldNotes {
  /** Unit of the number: `bytes`, `milli-CPU`. */
  readonly unit?: string;
  /** What an absent field means. */
  readonly default?: string;
  /** Smallest and largest value that makes sense. */
  readonly range?: readonly [number, number];
  /** Why nothing serves this field: it parses and prints, but is refused or never set. Absent for a field that works. */
  readonly unserved?: string;
}

/** Reasons for `unserved` that recur. */
export const NOT_YET = "this version cannot do it yet";
export const NO_PATCH = "needs a kernel patch that was never merged";

/** A field as the helpers below make it. */
export interface FieldDraft<T extends FieldType = FieldType, L extends Label = Label> extends FieldNotes {
  readonly number: number;
  readonly label: L;
  readonly type: T;
  readonly doc: string;
}

/** A field of a message: the draft and its names. */
export interface Field<T extends FieldType = FieldType, L extends Label = Label> extends FieldDraft<T, L> {
  /** `max_limit`: the name in text format, JSON output and TypeScript. */
  readonly name: string;
  /** `maxLimit`: also understood in JSON and YAML, as protobuf wants. */
  readonly jsonName: string;
}

type Drafts = { readonly [name: string]: FieldDraft };

/** An enum: its values have names in TypeScript, text and JSON, and numbers on the wire. */
export interface Enum<N extends string = string> {
  readonly kind: "enum";
  /** `DeviceSpec.DeviceType`: nested with dots. */
  readonly name: string;
  readonly doc: string;
  readonly values: readonly { readonly name: N; readonly number: number; readonly doc: string }[];
  readonly byName: ReadonlyMap<string, number>;
  readonly byNumber: ReadonlyMap<number, N>;
}

/** A message type. */
export interface Message<D extends Drafts = Drafts> {
  readonly kind: "message";
  /** `MemorySpec.Dirty`: nested with dots. */
  readonly name: string;
  readonly doc: string;
  /** The declared table; its type carries all that the inferred types need. */
  readonly fields: D;
  /** The fields in the order of their numbers, which is the order of all output. */
  readonly list: readonly Field[];
  readonly byName: ReadonlyMap<string, Field>;
  readonly byJsonName: ReadonlyMap<string, Field>;
  readonly byNumber: ReadonlyMap<number, Field>;
}

export function optional<const T extends FieldType>(
  number: number,
  type: T,
  doc: string,
  notes?: FieldNotes,
): FieldDraft<T, "optional"> {
  return { number, label: "optional", type, doc, ...notes };
}

export function required<const T extends FieldType>(
  number: number,
  type: T,
  doc: string,
  notes?: FieldNotes,
): FieldDraft<T, "required"> {
  return { number, label: "required", type, doc, ...notes };
}

export function repeated<const T extends FieldType>(
  number: number,
  type: T,
  doc: string,
  notes?: FieldNotes,
): FieldDraft<T, "repeated"> {
  return { number, label: "repeated", type, doc, ...notes };
}

/** Declares a message. A name with a dot (`MemorySpec.Dirty`) is nested in the .proto. */
export function message<const D extends Drafts>(name: string, doc: string, fields: D): Message<D> {
  return new MessageTable(name, doc, fields);
}

/** Makes its indexes when they are first asked for: most commands need few of the messages. */
class MessageTable<D extends Drafts> implements Message<D> {
  readonly kind = "message";
  readonly name: string;
  readonly doc: string;
  readonly fields: D;
  #list: readonly Field[] | undefined;
  #byName: ReadonlyMap<string, Field> | undefined;
  #byJsonName: ReadonlyMap<string, Field> | undefined;
  #byNumber: ReadonlyMap<number, Field> | undefined;

  constructor(name: string, doc: string, fields: D) {
    this.name = name;
    this.doc = doc;
    this.fields = fields;
  }

  get list(): readonly Field[] {
    this.#list ??= Object.entries(this.fields)
      .map(([name, draft]) => ({ ...draft, name, jsonName: lowerCamelCase(name) }))
      .sort((a, b) => a.number - b.number);
    return this.#list;
  }

  get byName(): ReadonlyMap<string, Field> {
    this.#byName ??= new Map(this.list.map(field => [field.name, field]));
    return this.#byName;
  }

  get byJsonName(): ReadonlyMap<string, Field> {
    this.#byJsonName ??= new Map(this.list.map(field => [field.jsonName, field]));
    return this.#byJsonName;
  }

  get byNumber(): ReadonlyMap<number, Field> {
    this.#byNumber ??= new Map(this.list.map(field => [field.number, field]));
    return this.#byNumber;
  }
}

/** Declares an enum: `{ NAME: [number, "documentation"] }`. */
export function enumeration<const V extends { readonly [name: string]: readonly [number, string] }>(
  name: string,
  doc: string,
  table: V,
): Enum<keyof V & string> {
  const values = Object.entries(table).map(([valueName, [number, valueDoc]]) => ({
    name: valueName as keyof V & string,
    number,
    doc: valueDoc,
  }));
  return {
    kind: "enum",
    name,
    doc,
    values,
    byName: new Map(values.map(value => [value.name, value.number])),
    byNumber: new Map(values.map(value => [value.number, value.name])),
  };
}

function lowerCamelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** What a resolved scalar is: 64-bit integers are bigint, everything else is what one expects. */
interface ResolvedScalar {
  bool: boolean;
  double: number;
  int32: number;
  int64: bigint;
  string: string;
  uint32: number;
  uint64: bigint;
}

/** The names of an enum's values: `"READ" | "WRITE" | "MKNOD"`. */
export type EnumName<E extends Enum> = E extends Enum<infer N> ? N : never;

/** What may be passed for a scalar: for a 64-bit integer also a safe number or decimal digits. */
interface InputScalar extends Omit<ResolvedScalar, "int64" | "uint64"> {
  int64: bigint | number | string;
  uint64: bigint | number | string;
}

type Names<D extends Drafts, L extends Label> = {
  [K in keyof D]: D[K]["label"] extends L ? K : never;
}[keyof D];

type Flat<T> = T extends unknown ? { [K in keyof T]: T[K] } : never;

type ResolvedValue<T> = T extends Scalar
  ? ResolvedScalar[T]
  : T extends Enum<infer N>
    ? N
    : T extends Message
      ? Resolved<T>
      : never;

type ResolvedField<F extends FieldDraft> = F["label"] extends "repeated"
  ? ResolvedValue<F["type"]>[]
  : ResolvedValue<F["type"]>;

/**
 * A message after parsing and checking. A field that was not given is absent, as is a repeated field without
 * elements, so that two specs are equal exactly when they are deeply equal.
 */
export type Resolved<M extends Message> = Flat<
  { [K in Names<M["fields"], "required">]: ResolvedField<M["fields"][K]> } & {
    [K in Names<M["fields"], "optional" | "repeated">]?: ResolvedField<M["fields"][K]>;
  }
>;

type InputValue<T> = T extends Scalar
  ? InputScalar[T]
  : T extends Enum<infer N>
    ? N | number
    : T extends Message
      ? Input<T>
      : never;

type InputField<F extends FieldDraft> = F["label"] extends "repeated"
  ? readonly InputValue<F["type"]>[]
  : InputValue<F["type"]>;

/** A message as a TypeScript user writes it; `resolveObject` makes the resolved value of it. */
export type Input<M extends Message> = Flat<
  { readonly [K in Names<M["fields"], "required">]: InputField<M["fields"][K]> } & {
    readonly [K in Names<M["fields"], "optional" | "repeated">]?: InputField<M["fields"][K]> | undefined;
  }
>;
