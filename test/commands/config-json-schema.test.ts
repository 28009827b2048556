import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configJsonSchema } from '../../src/commands/config-json-schema.js';

describe('the JSON Schema of config files', () => {
  const written = JSON.parse(readFileSync(new URL('../../docs/nncompress.schema.json', import.meta.url), 'utf8'));

  it('is current; npm run schema writes it again', () => {
    expect(configJsonSchema()).toEqual(written);
  });
  it('describes options as --help does, and knows every command', () => {
    const { jobs, defaults } = written.properties;
    expect(jobs.items.oneOf.map((one: { properties: { command: unknown } }) => one.properties.command)).toMatchObject([
      { const: 'quantize' },
      { const: 'prune' },
      { const: 'finetune' },
      { const: 'distill' },
      { const: 'adapt' },
      { const: 'evaluate' },
      { const: 'compare' },
    ]);
    expect(defaults.properties.limit.description).toBe('use only the first n samples');
    expect(defaults.properties.gates.properties.maxDrop.description).toContain('0.01 is one point');
    expect(jobs.items.oneOf[0].additionalProperties).toBe(false);
  });
});
