import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isUnchanged, upgradeRow } from '../../../src/passes/opset-upgrade/table.js';
import { UNCHANGED } from '../../../src/passes/opset-upgrade/unchanged.js';

// Recorded with Python's onnx 1.23: for each version, the default domain's operators that have an older schema.
//   {s.since_version: s.name for s in onnx.defs.get_all_schemas_with_history() if s.domain == ''}
const changes: [version: number, op: string][] = Object.entries(
  JSON.parse(readFileSync(new URL('recorded/schema-changes.json', import.meta.url), 'utf8')) as Record<
    string,
    string[]
  >,
).flatMap(([version, ops]) => ops.map((op): [number, string] => [Number(version), op]));

describe('the table of schema changes', () => {
  it('has an answer for every operator that a version from 8 to 23 changes', () => {
    expect(changes).toHaveLength(309);
    const missing = changes.filter(([version, op]) => !upgradeRow(op, version) && !isUnchanged(op, version));
    expect(missing).toEqual([]);
  });

  it('answers once', () => {
    expect(changes.filter(([version, op]) => upgradeRow(op, version) && isUnchanged(op, version))).toEqual([]);
  });

  it('lists nothing that did not change', () => {
    const known = new Set(changes.map(([version, op]) => `${op} ${version}`));
    for (const [version, ops] of Object.entries(UNCHANGED))
      for (const op of ops.trim().split(/\s+/)) expect(known).toContain(`${op} ${version}`);
  });
});
