import { DATA_TYPES, type DataType } from '../../ir/types.js';

/** Words that begin a type which is not a plain tensor. */
export const CONTAINERS: ReadonlySet<string> = new Set(['seq', 'map', 'optional', 'sparse_tensor', 'opaque']);

/** Element types whose name in the textual syntax differs from ours. */
const RENAMED: Partial<Record<DataType, string>> = { float32: 'float', float64: 'double' };

const BY_NAME = new Map((Object.keys(DATA_TYPES) as DataType[]).map((type) => [elementTypeName(type), type]));

/** Name of an element type in the ONNX textual syntax: `float` for float32, `double` for float64. */
export function elementTypeName(type: DataType): string {
  return RENAMED[type] ?? type;
}

/** The element type of this name in the ONNX textual syntax. */
export function elementTypeOf(name: string): DataType | undefined {
  return BY_NAME.get(name);
}

/** A text in quotes. */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** A name as it is where it is an identifier and no word of the syntax, and in quotes elsewhere. */
export function name(text: string): string {
  const isWord = CONTAINERS.has(text) || elementTypeOf(text) !== undefined || /^(inf|infinity|nan)$/i.test(text);
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) && !isWord ? text : quoted(text);
}
