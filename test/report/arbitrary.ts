import fc from 'fast-check';
import type { z } from 'zod';
import { type Interval, type Metrics, type Report, reportSchema } from '../../src/report/schema.js';

/** Pieces that mean something to HTML, XML, Markdown or a terminal. */
const NASTY = [
  '<script>',
  '"',
  "'",
  '&amp;',
  '|',
  '`',
  '*',
  '_',
  '@user',
  ']]>',
  '\\',
  '\n',
  '\u0000',
  '\u001b',
  '\ud800',
  '-->',
];

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.array(fc.constantFrom(...NASTY, 'a', 'B', '1', ' '), { maxLength: 8 }).map((parts) => parts.join('')),
);

/** Reports of every shape that the schema allows, with an original and a compressed model more often than not. */
export const anyReport: fc.Arbitrary<Report> = fc
  .tuple(
    arbitraryOf(reportSchema) as fc.Arbitrary<Report>,
    fc.constantFrom(['original', 'compressed'], ['original'], []),
  )
  .map(([report, roles]) => {
    const models = report.models.map((model, place) => ({ ...model, role: roles[place] ?? model.role }));
    for (const { metrics } of models) if (metrics?.confusion?.length) metrics.confusion = confusionFor(metrics, report);
    const { speedup } = report.comparison ?? {};
    if (speedup) report.comparison!.speedup = positive(speedup);
    return { ...report, models };
  });

/** A matrix of as many classes as there are, or one for each: random lists of lists are seldom square. */
function confusionFor(metrics: Metrics, { seconds }: Report): Metrics['confusion'] {
  const square = squareOf(metrics);
  return seconds < 1
    ? square.map((row, at) => [row.slice(0, 2), [at, 3]].map(([no = 0, yes = 0]) => [no, yes]))
    : square;
}

function squareOf({ recall, samples = 0 }: Metrics): number[][] {
  const classes = [...recall.perClass.keys()];
  return classes.map((row) => classes.map((column) => (samples + 17 * row + 5 * column ** 2) % 11));
}

/** Ratios are above 0. */
function positive({ value, low, high }: Interval): Interval {
  const [a, b, c] = [low, value, high].map((ratio) => Math.max(Math.abs(ratio), 0.01)).sort((x, y) => x - y);
  return { value: b!, low: a!, high: c! };
}

type Schema = z.core.$ZodType;

/** Values that a schema of the report's kinds accepts. */
function arbitraryOf(schema: Schema): fc.Arbitrary<unknown> {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'object': {
      const entries = Object.entries(def.shape);
      const required = entries.filter(([, value]) => (value as z.core.$ZodTypes)._zod.def.type !== 'optional');
      const shape = Object.fromEntries(entries.map(([key, value]) => [key, arbitraryOf(unwrapped(value))]));
      return fc.record(shape, { requiredKeys: required.map(([key]) => key) });
    }
    case 'array':
      return fc.array(arbitraryOf(def.element), { minLength: leastLength(schema), maxLength: 4 });
    case 'union':
      return fc.oneof(...def.options.map(arbitraryOf));
    case 'record':
      return fc.dictionary(text, arbitraryOf(def.valueType), { maxKeys: 4, noNullPrototype: true });
    case 'literal':
      return fc.constantFrom(...def.values);
    case 'enum':
      return fc.constantFrom(...Object.values(def.entries));
    case 'boolean':
      return fc.boolean();
    case 'number':
      return numberOf(schema as z.ZodNumber);
    case 'string':
      return stringOf(schema as z.ZodString);
    case 'unknown':
      return fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean());
    default:
      throw new Error(`the schema has a kind that this knows nothing of: ${def.type}`);
  }
}

function unwrapped(schema: Schema): Schema {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === 'optional' ? def.innerType : schema;
}

/** What a check of a schema was made with, e.g. `minimum` of `min_length`. */
function checkOf(schema: Schema, kind: string): Record<string, unknown> | undefined {
  const checks = (schema._zod.def.checks ?? []) as z.core.$ZodCheck[];
  return checks.map(({ _zod }) => _zod.def as unknown as Record<string, unknown>).find(({ check }) => check === kind);
}

function leastLength(schema: Schema): number {
  return Number(checkOf(schema, 'min_length')?.minimum ?? 0);
}

/** Whole numbers and fractions in the range that the schema sets, at most a thousand million, 0 or some distance off. */
function numberOf({ minValue, maxValue, isInt }: z.ZodNumber): fc.Arbitrary<number> {
  const min = Math.max(minValue ?? -1e9, -1e9);
  const max = Math.min(maxValue ?? 1e9, 1e9);
  if (isInt) return fc.integer({ min, max });
  const inside = (value: number) => value > min && value < max;
  const usual = fc.double({ min: Math.max(min, -2), max: Math.min(max, 2), noNaN: true });
  const any = fc.double({ min, max, noNaN: true });
  return fc
    .oneof(usual, any)
    .map((value) => (Math.abs(value) < 1e-9 ? 0 : value))
    .map((value) => (inside(value) ? value : min < 0.5 && max > 0.5 ? 0.5 : min));
}

function stringOf(schema: z.ZodString): fc.Arbitrary<string> {
  if (schema.format === 'datetime')
    return fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((date) => date.toISOString());
  const { pattern } = checkOf(schema, 'string_format') ?? {};
  if (pattern) return fc.stringMatching(pattern as RegExp, { maxLength: 60 });
  return text.filter((value) => value.length >= leastLength(schema));
}
