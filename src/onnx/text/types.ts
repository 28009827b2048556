import Long from 'long';
import { DATA_TYPES, type DataType } from '../../ir/types.js';
import type { TensorShapeProto, TypeProto } from '../messages.js';
import { CONTAINERS, elementTypeOf } from './names.js';
import type { Scanner } from './scanner.js';

/** True where a type comes next: `float`, `seq`, … */
export function nextIsType(scan: Scanner): boolean {
  const word = scan.peekIdentifier();
  return word !== undefined && (CONTAINERS.has(word) || elementTypeOf(word) !== undefined);
}

/** Takes the type that comes next. @throws UserError */
export function parseType(scan: Scanner): TypeProto {
  const wrong = scan.unexpected('a type');
  const word = scan.identifier('a type');
  const element = elementTypeOf(word);
  if (element) return { tensor_type: tensorType(scan, element) };
  if (!CONTAINERS.has(word)) throw wrong;
  scan.expect('(', word);
  const type = containerType(scan, word);
  scan.expect(')', `the ${word} type`);
  return type;
}

function containerType(scan: Scanner, word: string): TypeProto {
  switch (word) {
    case 'seq':
      return { sequence_type: { elem_type: parseType(scan) } };
    case 'optional':
      return { optional_type: { elem_type: parseType(scan) } };
    case 'sparse_tensor':
      return { sparse_tensor_type: tensorType(scan, elementType(scan)) };
    case 'map': {
      const key_type = DATA_TYPES[elementType(scan)].code;
      scan.expect(',', 'the type of the keys');
      return { map_type: { key_type, value_type: parseType(scan) } };
    }
    default:
      return { opaque_type: opaqueType(scan) };
  }
}

function opaqueType(scan: Scanner): { domain?: string; name?: string } {
  if (scan.next === ')') return {};
  const first = qualified(scan, 'the name of an opaque type');
  return scan.accept(',') ? { domain: first, name: scan.identifier('a name') } : { name: first };
}

function elementType(scan: Scanner): DataType {
  const wrong = scan.unexpected('an element type');
  const element = elementTypeOf(scan.identifier('an element type'));
  if (!element) throw wrong;
  return element;
}

/** `float` is a scalar, `float[]` has no known rank, `float[2, N, ?]` has three dimensions. */
function tensorType(scan: Scanner, element: DataType): { elem_type: number; shape?: TensorShapeProto } {
  const elem_type = DATA_TYPES[element].code;
  if (scan.next !== '[') return { elem_type, shape: {} };
  const dim = scan.list('[', ']', () => {
    if (scan.accept('?')) return {};
    const symbol = scan.next === '"' || scan.peekIdentifier() !== undefined;
    return symbol ? { dim_param: scan.quotable('a dimension') } : { dim_value: Long.fromString(scan.int().toString()) };
  });
  return dim.length ? { elem_type, shape: { dim } } : { elem_type };
}

function qualified(scan: Scanner, what: string): string {
  const path = [scan.identifier(what)];
  while (scan.accept('.')) path.push(scan.identifier('the rest of a name'));
  return path.join('.');
}
