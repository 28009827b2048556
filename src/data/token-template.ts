import { UserError } from '../errors.js';
import type { Truncation } from './tokenizer.js';
import { type Component, UnsupportedComponent } from './tokenizer-parts.js';

/** Token ids and the segment each belongs to. */
export interface Encoding {
  ids: number[];
  types: number[];
}

/** Cuts two sequences of ids so that they fit with their special tokens, and adds these. */
export type PostProcessor = (
  first: number[],
  second: number[] | undefined,
  truncation: Truncation | undefined,
) => Encoding;

/** One place of a template: special tokens, or a sequence. */
type Slot = { ids: number[]; type: number } | { sequence: 'A' | 'B'; type: number };
interface Template {
  single: Slot[];
  pair: Slot[];
}

const A: Slot = { sequence: 'A', type: 0 };
const PLAIN: Template = { single: [A], pair: [A, { sequence: 'B', type: 1 }] };

interface TemplateFile {
  single: TemplatePiece[];
  pair: TemplatePiece[];
  special_tokens: Record<string, { ids: number[] }>;
}
type TemplatePiece = {
  SpecialToken?: { id: string; type_id: number };
  Sequence?: { id: 'A' | 'B'; type_id: number };
};

/** Templates of the post-processors by type; undefined leaves what the one before it made. */
const TEMPLATES: Record<string, (component: Component) => Template | undefined> = {
  TemplateProcessing(component) {
    const { single, pair, special_tokens: specials } = component as unknown as TemplateFile;
    const slot = ({ SpecialToken, Sequence }: TemplatePiece): Slot =>
      SpecialToken
        ? { ids: specials[SpecialToken.id]?.ids ?? [], type: SpecialToken.type_id }
        : { sequence: Sequence!.id, type: Sequence!.type_id };
    return { single: single.map(slot), pair: pair.map(slot) };
  },
  BertProcessing({ cls, sep }) {
    const [start, end] = [slotOf(cls, 0), slotOf(sep, 0)];
    return { single: [start, A, end], pair: [start, A, end, { sequence: 'B', type: 1 }, slotOf(sep, 1)] };
  },
  RobertaProcessing({ cls, sep }) {
    const [start, end] = [slotOf(cls, 0), slotOf(sep, 0)];
    return { single: [start, A, end], pair: [start, A, end, end, { sequence: 'B', type: 0 }, end] };
  },
  ByteLevel: () => undefined,
};

function slotOf(token: unknown, type: number): Slot {
  return { ids: [(token as [string, number])[1]], type };
}

function templateOf(component: Component | null | undefined): Template {
  if (!component) return PLAIN;
  const parts = component.type === 'Sequence' ? (component.processors as Component[]) : [component];
  const templates = parts.map((part) => {
    const read = Object.hasOwn(TEMPLATES, part.type) ? TEMPLATES[part.type] : undefined;
    if (!read) throw new UnsupportedComponent(`post_processor '${part.type}' is not supported`);
    return read(part);
  });
  const [template = PLAIN, other] = templates.filter((made) => made !== undefined);
  if (other) throw new UnsupportedComponent('post_processor with two templates is not supported');
  return template;
}

/** The post-processor of a tokenizer.json, with truncation before it. @throws UnsupportedComponent */
export function postProcessor(component: Component | null | undefined): PostProcessor {
  const template = templateOf(component);
  return (first, second, truncation) => {
    const slots = second ? template.pair : template.single;
    const added = slots.reduce((sum, slot) => sum + ('ids' in slot ? slot.ids.length : 0), 0);
    const [a, b] = truncation ? cut(first, second ?? [], added, truncation) : [first, second ?? []];
    const encoding: Encoding = { ids: [], types: [] };
    for (const slot of slots) {
      const ids = 'ids' in slot ? slot.ids : slot.sequence === 'A' ? a : b;
      encoding.ids.push(...ids);
      encoding.types.push(...ids.map(() => slot.type));
    }
    return encoding;
  };
}

/** Cuts one or both sequences (Rust's `truncate_encodings`). */
function cut(a: number[], b: number[], added: number, truncation: Truncation): [number[], number[]] {
  const room = truncation.max_length - added;
  if (room < 0) throw new UserError(`${truncation.max_length} tokens have no room for ${added} special tokens`);
  const excess = a.length + b.length - room;
  if (excess <= 0) return [a, b];
  const keep = (ids: number[], count: number) =>
    truncation.direction === 'Left' ? ids.slice(ids.length - count) : ids.slice(0, count);
  if (truncation.strategy === 'OnlyFirst' || truncation.strategy === 'OnlySecond') {
    const [target, rest] = truncation.strategy === 'OnlyFirst' ? [a, b] : [b, a];
    if (target.length <= excess)
      throw new UserError(`is ${excess} tokens too long to be cut as '${truncation.strategy}'`);
    const short = keep(target, target.length - excess);
    return truncation.strategy === 'OnlyFirst' ? [short, rest] : [rest, short];
  }
  const [m, n] = shares(a.length, b.length, room);
  return [keep(a, m), keep(b, n)];
}

/** Lengths when the longer of two is shortened first, down to half each. */
function shares(a: number, b: number, room: number): [number, number] {
  const [short, long] = a <= b ? [a, b] : [b, a];
  const kept = Math.min(short, Math.max(room - long, Math.floor(room / 2)));
  const rest = room - kept;
  return a <= b ? [kept, Math.min(long, rest)] : [Math.min(long, rest), kept];
}
