import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exampleInputs } from '../../src/analysis/example-inputs.js';
import { distillOptions } from '../../src/commands/distill-options.js';
import { openTeachers } from '../../src/commands/distill-teachers.js';
import { libraryContext } from '../../src/commands/library-context.js';
import { fewerLayers, shrunkTeacher } from '../../src/commands/shrunk-student.js';
import { openDataset } from '../../src/data/open.js';
import { encodeModel } from '../../src/onnx/write.js';
import { Session } from '../../src/runtime/session.js';
import { buildStudent } from '../../src/students/build.js';
import { TEMPLATES } from '../../src/students/table.js';
import { INPUTS } from '../students/inputs.js';

const TEACHER = 'fixtures/fashion-mobilenet/model.onnx';
const TRAIN = 'fixtures/fashion-mnist/t10k-images-idx3-ubyte.gz';

async function shrink(share: string) {
  const folder = mkdtempSync(join(tmpdir(), 'nncompress-shrunk-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const options = distillOptions.parse({ teacher: TEACHER, train: TRAIN, shrink: share });
  const context = libraryContext({});
  const [teacher] = await openTeachers(undefined, options, context);
  const data = await teacher!.open(await openDataset(TRAIN));
  return shrunkTeacher(teacher!, data, join(folder, 'model.onnx'), options, context);
}

describe('shrunkTeacher', () => {
  it('removes channels of a convolutional network down to a share of its parameters', async () => {
    const { students } = await shrink('50%');
    const [{ template, size, bench }] = students as [(typeof students)[number]];
    expect(template.about).toMatch(/^the teacher with \d+ of \d+ channels$/);
    expect(size.parameters).toBeLessThanOrEqual(0.5 * 195_330);
    expect(size.parameters).toBeGreaterThan(0.4 * 195_330);
    expect(bench.info.inputs).toMatchObject([{ name: 'pixel_values' }]);
  });

  it('says how far channels can be thinned out', async () => {
    await expect(shrink('0.1%')).rejects.toThrow(
      /--shrink 0.001: its channels can be thinned out to \d+ % of its parameters/,
    );
  });
});

describe('fewerLayers', () => {
  const build = (name: string, input: keyof typeof INPUTS) =>
    buildStudent(
      {
        template: TEMPLATES.find((template) => template.name === name)!,
        ...{ input: INPUTS[input], outputs: 3, independent: false },
      },
      0.5,
      1,
    );

  it('leaves out layers of a transformer', async () => {
    const teacher = build('transformer', 'tokens');
    const { model, widths, about } = (await fewerLayers(teacher, 0.5))!;
    expect([widths, about]).toEqual([[1], 'the teacher with 1 of its 2 layers']);
    const attentions = (one: typeof model) => one.graph.nodes.filter(({ type }) => type === 'Softmax').length;
    expect([attentions(teacher), attentions(model)]).toEqual([2, 1]);
    const session = await Session.create(encodeModel(model), { threads: 1 });
    const { logits } = await session.run(exampleInputs(teacher));
    await session.release();
    expect(logits!.dims).toEqual([1, 3]);
  });

  it('is not for networks without attention', async () => {
    expect(await fewerLayers(build('resnet', 'image'), 0.5)).toBeUndefined();
  });

  it('refuses a share that leaves all of them', async () => {
    await expect(fewerLayers(build('transformer', 'tokens'), 0.9)).rejects.toThrow('give another share with --shrink');
  });
});
