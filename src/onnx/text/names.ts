import { DATA_TYPES, type DataType } from '../../ir/types.js';

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
