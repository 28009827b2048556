import { expect, it } from 'vitest';
import { JOB_NAMES, JOBS, type JobName } from '../../src/commands/jobs.js';
import { parseOptions } from '../../src/commands/parse-options.js';

/** What a command needs, and options whose values have a form of their own. */
const GIVEN: Readonly<Record<JobName, object>> = {
  quantize: { minRecall: ['zero=0.5', '0.4'], maxSize: '1MB', maxLatency: '5ms', blockSize: '32' },
  prune: { macs: '50%', schedule: 'cosine', round: 'auto', distill: false },
  finetune: { train: 't', freeze: ['a*'], lr: '1e-4' },
  distill: {
    train: 't',
    teacher: ['a', 'b'],
    match: ['features:100', 'relations'],
    alpha: '0.9:0',
    student: 'cnn:small',
  },
  adapt: { slim: '1,0.5', thresholds: '0.9,0.5', resize: '224x320', prior: '8' },
  evaluate: { data: 'd', minF1: '0.4', limit: '10', threads: '2' },
  compare: { data: 'd', maxDrop: '1%', confidence: '0.9' },
};
const NEEDED = ['train', 'teacher', 'data', 'macs'];

it.each(JOB_NAMES)('what a report of %s records is taken again', (name) => {
  const { options } = JOBS[name];
  const all = GIVEN[name];
  const needed = Object.fromEntries(Object.entries(all).filter(([key]) => NEEDED.includes(key)));
  for (const given of [needed, all]) {
    const parsed = parseOptions(options, given);
    const recorded = JSON.parse(JSON.stringify(parsed));
    expect(parseOptions(options, recorded)).toEqual(parsed);
  }
});
