import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { takesRawPixels } from '../../src/analysis/raw-pixels.js';
import { distillOptions } from '../../src/commands/distill-options.js';
import { openTeachers } from '../../src/commands/distill-teachers.js';
import { libraryContext } from '../../src/commands/library-context.js';
import { type NewStudent, type NewStudents, newStudents } from '../../src/commands/new-student.js';
import type { StudentFile } from '../../src/commands/student-files.js';
import { writeStudentFiles } from '../../src/commands/student-files.js';
import { openDataset } from '../../src/data/open.js';
import { parseModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';

const DSCNN = ['fixtures/digits-dscnn/model.onnx', 'fixtures/spoken-digits/train'] as const;
const M5 = ['fixtures/digits-m5/model.onnx', 'fixtures/spoken-digits/train'] as const;
const TEXTCNN = ['fixtures/banking-textcnn/model.onnx', 'fixtures/banking77/train.csv'] as const;
const MOBILENET = [
  'fixtures/fashion-mobilenet/model.onnx',
  'fixtures/fashion-mnist/t10k-images-idx3-ubyte.gz',
] as const;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'nncompress-student-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

async function buildAll(
  [teacher, train]: readonly [string, string],
  given: Record<string, unknown>,
  into = folder(),
): Promise<NewStudents> {
  const options = distillOptions.parse({ teacher, train, ...given });
  const context = libraryContext({});
  const [first] = await openTeachers(undefined, options, context);
  const data = await first!.open(await openDataset(train));
  return newStudents(first!, data, join(into, 'model.onnx'), options);
}

/** The only student, with what has to lie beside it. */
async function build(...asked: Parameters<typeof buildAll>): Promise<NewStudent & { files: readonly StudentFile[] }> {
  const { students, files } = await buildAll(...asked);
  expect(students).toHaveLength(1);
  return { ...students[0]!, files };
}

const inputsOf = ({ bench }: NewStudent) => bench.info.inputs.map(({ name, dims }) => [name, ...dims]);
const namesOf = ({ files }: { files: readonly StudentFile[] }) =>
  files.map(({ path }) => path.split('/').at(-1)).sort();

describe('newStudent', () => {
  it('takes the input of an image model, and the names of its classes', async () => {
    const student = await build(MOBILENET, { student: 'cnn' });
    expect(inputsOf(student)).toEqual([['pixel_values', 'batch', 1, 28, 28]]);
    expect(student.bench.info.outputs).toMatchObject([{ name: 'logits', dims: ['batch', 10] }]);
    expect(student.bench.model.metadata.get('nncompress.classes')).toMatch(/T-shirt.*Ankle boot/);
    expect(namesOf(student)).toEqual(['config.json', 'preprocessor_config.json']);
  });

  it('scales pixels itself where its teacher gets them as they are', async () => {
    const own = folder();
    for (const name of ['model.onnx', 'labels.txt'])
      copyFileSync(join('fixtures/fashion-mobilenet', name), join(own, name));
    const teacher = [join(own, 'model.onnx'), MOBILENET[1]] as const;
    expect(takesRawPixels((await build(teacher, { student: 'cnn' })).bench.model)).toBe(false);
    expect(takesRawPixels((await build(teacher, { student: 'cnn', scale: 1 })).bench.model)).toBe(true);
  });

  it('takes the tokens of a text model, as its tokenizer makes them', async () => {
    const student = await build(TEXTCNN, { student: 'gru' });
    expect(inputsOf(student)).toEqual([
      ['input_ids', 'batch', 'sequence'],
      ['attention_mask', 'batch', 'sequence'],
    ]);
    expect(student.bench.model.graph.initializers.get('gru/embedding/weight')!.dims).toEqual([30522, 32]);
    expect(namesOf(student)).toEqual(['config.json', 'tokenizer.json', 'tokenizer_config.json']);
  });

  it('may take the waveform where the teacher takes features, and the other way round', async () => {
    const waveform = await build(DSCNN, { student: 'wave-cnn' });
    expect(inputsOf(waveform)).toEqual([['input_values', 'batch', 1, 8000]]);
    const features = await build(M5, { student: 'kws', melBins: 32 });
    expect(inputsOf(features)).toEqual([['input_features', 'batch', 1, 98, 32]]);
    const { content } = features.files.find(({ path }) => path.endsWith('preprocessor_config.json'))!;
    const config = JSON.parse(content.toString());
    expect(config).toMatchObject({ sampling_rate: 8000, frame_length: 200, hop_length: 80, num_mel_bins: 32 });
    const { feeds } = (await (await features.bench.open(M5[1])).stream([0, 30, 60, 90], 4).next()).value!;
    const values = feeds.input_features!.data as Float32Array;
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.5);
  });

  it('is as large as is asked, in shares of its teacher', async () => {
    const { size } = await build(DSCNN, { student: 'ds-cnn', macs: '10%' });
    expect(size.macs).toBeLessThanOrEqual(0.1 * 11_761_280);
    expect(size.widths).toEqual([16, 16, 48, 112]);
  });

  it('is the same for the same seed', async () => {
    const bytes = async (seed: number) => encodeModel((await build(DSCNN, { student: 'kws', seed })).bench.model);
    expect(await bytes(1)).toEqual(await bytes(1));
    expect(await bytes(1)).not.toEqual(await bytes(2));
  });
});

describe('newStudents', () => {
  it('are all that take what the teacher takes', async () => {
    const { students, leftOut } = await buildAll(MOBILENET, { student: 'auto' });
    expect(students.map(({ template, size }) => [template.name, ...size.widths])).toEqual([
      ['cnn', 16, 32, 64],
      ['ds-cnn', 16, 32, 64, 128],
      ['resnet', 16, 32, 64],
    ]);
    expect(leftOut).toEqual([]);
  });

  it('are narrower where files have to be small, and left out where they cannot be small enough', async () => {
    const { students, leftOut } = await buildAll(MOBILENET, { student: 'auto', maxSize: '100kB' });
    expect(students.map(({ template }) => template.name)).toEqual(['cnn', 'ds-cnn']);
    for (const { size } of students) expect(size.bytes).toBeLessThanOrEqual(100_000);
    expect(leftOut).toMatchObject([{ template: { name: 'resnet' }, reason: expect.stringContaining('--max-size') }]);
    await expect(buildAll(MOBILENET, { student: 'auto', maxSize: '1kB' })).rejects.toThrow(
      '--max-size: none of cnn, ds-cnn, resnet can be made small enough: a resnet for this task has at least',
    );
  });

  it('are smaller than their teacher, in parameters and bytes', async () => {
    const { students, leftOut } = await buildAll(DSCNN, { student: 'auto:base' });
    expect(students.map(({ template }) => template.name)).toEqual([
      ...['cnn', 'ds-cnn', 'gru', 'lstm', 'transformer', 'kws'],
    ]);
    for (const { size } of students) {
      expect(size.parameters).toBeLessThan(29_194);
      expect(size.bytes).toBeLessThan(190_449);
    }
    expect(leftOut).toMatchObject([{ template: { name: 'resnet' }, reason: expect.stringContaining('its teacher') }]);
  });

  it('are none where the teacher is as small as can be', async () => {
    const path = join(folder(), 'model.onnx');
    const model =
      parseModel(`<ir_version: 8, opset_import: ["": 17]> net (float[n,1,28,28] pixel_values) => (float[n,10] y)
      <float[1,10] w = {0,1,2,3,4,5,6,7,8,9}>
      { m = ReduceMean <axes = [2, 3], keepdims = 0> (pixel_values) y = MatMul(m, w) }`);
    writeFileSync(path, encodeModel(model));
    await expect(buildAll([path, MOBILENET[1]], { student: 'auto' })).rejects.toThrow(
      /^--student auto: none of cnn, ds-cnn, resnet can be made .* its teacher 10 parameters in \d+ B; prune or quantize/,
    );
  });
});

describe('the files of a student', () => {
  it('are not written where they are there', async () => {
    const into = folder();
    await writeStudentFiles((await build(DSCNN, { student: 'kws' }, into)).files);
    expect(readdirSync(into).sort()).toEqual(['config.json', 'preprocessor_config.json']);
    expect((await build(DSCNN, { student: 'kws' }, into)).files).toEqual([]);
  });

  it('replace others only where that is asked for', async () => {
    const into = folder();
    writeFileSync(join(into, 'preprocessor_config.json'), '{}');
    await expect(build(DSCNN, { student: 'kws' }, into)).rejects.toThrow(
      'preprocessor_config.json: says something else than the new student needs beside it',
    );
    await writeStudentFiles((await build(DSCNN, { student: 'kws', force: true }, into)).files);
    expect(readFileSync(join(into, 'preprocessor_config.json'), 'utf8')).toContain('LogMelFeatureExtractor');
  });

  it('lie above a model in a folder onnx', async () => {
    const into = folder();
    mkdirSync(join(into, 'onnx'));
    const { files } = await build(DSCNN, { student: 'kws' }, join(into, 'onnx'));
    expect(files.map(({ path }) => path)).toContain(join(into, 'preprocessor_config.json'));
  });

  it('are never those of the teacher in another form', async () => {
    const given = { student: 'wave-cnn', force: true };
    await expect(build(DSCNN, given, 'fixtures/digits-dscnn')).rejects.toThrow(
      'write the student to a folder of its own',
    );
  });
});
