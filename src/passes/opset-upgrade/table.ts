import { ATTRIBUTES_TO_INPUTS } from './attributes-to-inputs.js';
import { REMOVED } from './removed.js';
import { SEMANTICS } from './semantics.js';
import type { UpgradeRow } from './site.js';
import { UNCHANGED } from './unchanged.js';

/** Oldest operator set that models are raised from: ONNX Runtime promises nothing below it. */
export const OLDEST_OPSET = 7;

/**
 * The IR version that came with each operator set, which a model needs at least (ONNX Versioning.md, "Released
 * versions").
 */
export const IR_VERSIONS: Readonly<Record<number, bigint>> = {
  8: 3n,
  9: 4n,
  10: 5n,
  11: 6n,
  12: 7n,
  13: 7n,
  14: 7n,
  15: 8n,
  16: 8n,
  17: 8n,
  18: 8n,
  19: 9n,
  20: 9n,
  21: 10n,
  22: 10n,
  23: 11n,
};

const ROWS: ReadonlyMap<string, UpgradeRow> = new Map(
  [...ATTRIBUTES_TO_INPUTS, ...SEMANTICS, ...REMOVED].flatMap((row) =>
    row.ops.map((op) => [`${op} ${row.version}`, row] as const),
  ),
);

/** The row that brings an operator to a version, where the version changes it. */
export function upgradeRow(type: string, version: number): UpgradeRow | undefined {
  return ROWS.get(`${type} ${version}`);
}

/** True where a version's change of an operator's schema leaves nodes as they are. */
export function isUnchanged(type: string, version: number): boolean {
  return (UNCHANGED[version] ?? '').trim().split(/\s+/).includes(type);
}

/** The first version above `from` and up to `to` that changes nodes of this operator. */
export function firstChange(type: string, from: number, to: number): number | undefined {
  for (let version = from + 1; version <= to; version++) if (upgradeRow(type, version)) return version;
  return undefined;
}
