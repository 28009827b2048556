import { Chalk } from 'chalk';
import { describe, expect, it } from 'vitest';
import { formatBytes, formatDuration, formatNumber, formatPercent, formatPoints } from '../../src/report/format.js';
import type { Gate, Report } from '../../src/report/schema.js';
import { renderTerminal } from '../../src/report/terminal.js';
import { evaluateReport, quantizeReport, unlabelledReport } from './example.js';
import { richReport } from './rich-example.js';

const plain = new Chalk({ level: 0 });
const rendered = (report: Report, width = 80) => renderTerminal(report, { color: plain, width });
const linesOf = (report: Report, start: string) =>
  rendered(report)
    .split('\n')
    .filter((line) => line.startsWith(start));

describe('renderTerminal', () => {
  it('sums up a quantized model', () => {
    expect(`\n${rendered(quantizeReport)}\n`).toBe(`
models/resnet.onnx → models/resnet.int8.onnx                      quantize, 12 s
10,000 samples of t10k-images-idx3-ubyte.gz, 10 classes · cpu, 1 thread

                     original    compressed    change (95 % interval)
Size                  2.82 MB      0.741 MB    3.81× smaller
Parameters            694,922       694,922
Accuracy              92.64 %       92.57 %    −0.07 points (−0.19 … +0.05)
Top-5 accuracy        99.85 %       99.84 %    −0.01 points
Macro recall          92.64 %       92.57 %    −0.07 points (−0.19 … +0.05)
Macro F1              92.63 %       92.56 %    −0.07 points
Latency, median       1.23 ms      0.561 ms    2.20× faster (2.15 … 2.25)
Latency, p90          1.31 ms      0.602 ms
Throughput              810/s       1,783/s

Predictions  14 gained, 21 lost (may be chance: p = 0.31), 98.71 % the same
Nodes        18 of 22 compute in integers (static); 3 float, 1 int8-storage
Kernels      20 QLinearConv, 9 QLinearAdd, 1 QGemm
Left float   2 Conv: put back to float: it harmed the predictions most
             1 Gemm: its weight is not constant
Gates        ✗ max-size ≤ 500 kB: 741 kB
             ✓ max-drop ≤ 1.00 points: 0.07 points
Warnings     calibrated on 256 samples of the training data, with the labels
             left aside
`);
  });

  it('tells where samples leave, what each exit is worth alone, and what a sample costs on average', () => {
    const text = renderTerminal(richReport, { color: plain, width: 80, height: 99 }).replaceAll(/\n {2,}/g, ' ');
    expect(text).toContain('62.00 % at exit1 (95.10 % right; 91.30 % if all did), 38.00 % at head');
    expect(text).toMatch(/^MACs +31,065,728/m);
  });

  it('sums up a single model', () => {
    expect(`\n${rendered(evaluateReport)}\n`).toBe(`
models/resnet.onnx                                               evaluate, 3.2 s
10,000 samples of t10k-images-idx3-ubyte.gz, 10 classes · cpu, 1 thread

Size                  2.82 MB
Parameters            694,922
Accuracy              92.64 %
Top-5 accuracy        99.85 %
Macro recall          92.64 %
Macro F1              92.63 %
Latency, median       1.23 ms
Latency, p90          1.31 ms
Throughput              810/s

Gates        ✓ min-accuracy ≥ 92.00 %: 92.64 %
`);
  });

  it('says what could not be checked without labels, and that int8 is slower', () => {
    expect(`\n${rendered(unlabelledReport)}\n`).toBe(`
models/resnet.onnx → models/resnet.int8.onnx                      quantize, 12 s
cpu, 1 thread

                     original    compressed    change (95 % interval)
Size                  2.82 MB      0.741 MB    3.81× smaller
Parameters            694,922       694,922
Agreement                           98.40 %
SQNR                                31.2 dB
Cosine                              0.99962
Largest error                         0.218
Latency, median       1.23 ms      0.561 ms    1.25× slower (1.19 … 1.33)
Latency, p90          1.31 ms      0.602 ms
Throughput              810/s       1,783/s

Nodes        18 of 22 compute in integers (static); 3 float, 1 int8-storage
Kernels      20 QLinearConv, 9 QLinearAdd, 1 QGemm
Left float   2 Conv: put back to float: it harmed the predictions most
             1 Gemm: its weight is not constant
Gates        ✗ max-drop ≤ 1.00 points: not measured
Warnings     accuracy could not be checked: no labelled data was given
             int8 is slower than float here: the convolutions are too small to
             repay the conversion of their inputs
`);
  });

  it('shows every model that a result is beside, and changes apart where there is no room beside them', () => {
    const [original, compressed] = quantizeReport.models;
    const models = [
      original!,
      { ...original!, role: 'teacher', bytes: 12_822_024 },
      { ...compressed!, role: 'student-alone' },
      compressed!,
    ];
    const [narrow, wide] = [80, 100].map((width) => rendered({ ...quantizeReport, models }, width).split('\n'));
    expect(narrow!.slice(3, 8)).toEqual([
      '                 original  teacher  student-alone  compressed',
      'Size              2.82 MB  12.8 MB       0.741 MB    0.741 MB',
      'Accuracy          92.64 %  92.64 %        92.57 %     92.57 %',
      'Macro recall      92.64 %  92.64 %        92.57 %     92.57 %',
      'Macro F1          92.63 %  92.63 %        92.56 %     92.56 %',
    ]);
    expect(narrow!.slice(10, 13)).toEqual([
      'Changes      Size: 3.81× smaller',
      '             Latency, median: 2.20× faster (2.15 … 2.25)',
      '             Accuracy: −0.07 points (−0.19 … +0.05)',
    ]);
    expect(Math.max(...narrow!.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(wide!.find((line) => line.startsWith('Accuracy'))).toMatch(
      /92\.57 % {4}−0\.07 points \(−0\.19 … \+0\.05\)$/,
    );
    expect(wide!.join('\n')).not.toContain('Changes');
  });

  it('says how training went, and what the teacher gave', () => {
    expect(linesOf(richReport, 'Training')).toEqual([
      'Training     3 epochs, epoch 2 the best; 50,000 samples in 31.5 s: 4,762 a',
    ]);
    const distillation = {
      ...richReport.distillation!,
      chosen: { student: 'alone' as const, reason: '', heldOut: { taught: 0.91, alone: 0.915 } },
    };
    const text = rendered({ ...richReport, distillation }).replaceAll(/\n +/g, ' ');
    expect(text).toContain(
      'no teacher was better: what was written is the student trained alone, which with the teacher has +1.20 points ' +
        '(+0.40 … +2.00) of accuracy; on held-out samples 91.00 % with the teacher, 91.50 % alone; kd, temperature 2',
    );
  });

  it('colours without changing the text', () => {
    const coloured = renderTerminal(quantizeReport, { color: new Chalk({ level: 1 }), width: 80 });
    expect(coloured).toContain('\u001b[32m2.20× faster (2.15 … 2.25)\u001b[39m');
    expect(coloured).toContain('\u001b[31m✗\u001b[39m max-size');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours are made of
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(rendered(quantizeReport));
  });

  it('keeps to the screen, and every failed or undecided gate on it', () => {
    const gates: Gate[] = [
      { name: 'min-f1', limit: 0.9, value: 0.92, passed: true },
      { name: 'min-accuracy', limit: 0.9, value: 0.92, passed: true },
      { name: 'max-drop', limit: 0.01, value: 0.004, passed: true, verdict: 'undecided', samplesNeeded: 3400 },
      { name: 'min-recall', class: 'shirt', limit: 0.9, value: 0.8728, passed: false },
      { name: 'max-latency', limit: 0.5, value: 0.50001, passed: false },
    ];
    const nodes = Array.from({ length: 9 }, (_, index) => {
      return { name: `node${index}`, op: 'MatMul', decision: 'float', reason: `reason ${index}` };
    });
    const warnings = Array.from({ length: 8 }, (_, index) => `warning ${index} ${'that is long '.repeat(9)}`);
    const text = rendered({ ...quantizeReport, gates, nodes, warnings });
    const lines = text.split('\n');
    expect(lines.length).toBeLessThanOrEqual(23);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(text).toContain('✗ min-recall of shirt ≥ 90.00 %: 87.28 %');
    expect(text).toContain('✗ max-latency ≤ 0.5 ms: 0.50001 ms');
    expect(text).toContain('✓ max-drop ≤ 1.00 points: 0.40 points (undecided at 95 %: about');
    expect(text).toContain('✓ 2 more passed');
    expect(text).toMatch(/… [78] more reasons in the report/);
    expect(text).toContain('… 7 more in the report');
  });

  it('shortens long paths at their start, and keeps control characters from the terminal', () => {
    const models = quantizeReport.models.map((model) => ({ ...model, path: `/${'folder/'.repeat(20)}${model.path}` }));
    const [title = ''] = rendered({ ...quantizeReport, models }).split('\n');
    expect(title).toHaveLength(80);
    expect(title).toMatch(/^….*\/resnet\.onnx → ….*\/resnet\.int8\.onnx {2,}quantize, 12 s$/);
    expect(linesOf({ ...quantizeReport, warnings: ['a\u001b[2Jb'] }, 'Warnings')).toEqual(['Warnings     a [2Jb']);
  });

  it('calls a difference that the data cannot tell from chance by its name, and only that', () => {
    expect(linesOf(quantizeReport, 'Predictions')[0]).toContain('may be chance');
    const comparison = { ...quantizeReport.comparison, accuracyDrop: { value: 0.01, low: 0.006, high: 0.014 } };
    expect(linesOf({ ...quantizeReport, comparison }, 'Predictions')[0]).not.toContain('chance');
    expect(linesOf({ ...quantizeReport, comparison }, 'Accuracy')[0]).toContain('−1.00 points (−1.40 … −0.60)');
  });

  it('cuts long reasons with a mark', () => {
    const node = { name: 'a', op: 'Conv', decision: 'float', reason: `${'very '.repeat(20)}odd` };
    const [line = ''] = linesOf({ ...quantizeReport, nodes: [node] }, 'Left float');
    expect(line).toMatch(/^Left float {3}1 Conv: very (very )+…$/);
    expect(line.length).toBeLessThanOrEqual(80);
  });

  it('says it where no integer kernel is used', () => {
    const quantization = { method: 'int8-weights', integerKernels: {} };
    expect(linesOf({ ...quantizeReport, quantization }, 'Kernels')).toEqual([
      'Kernels      no integer kernel in the runtime',
    ]);
  });
});

describe('numbers', () => {
  it('are short and true', () => {
    expect([0, 999, 1000, 12_345, 2_822_024, 999_600].map((bytes) => formatBytes(bytes))).toEqual([
      '0 B',
      '999 B',
      '1.00 kB',
      '12.3 kB',
      '2.82 MB',
      '1.00 MB',
    ]);
    expect(formatBytes(741_310, 2_822_024)).toBe('0.741 MB');
    expect([0.0452, 1.234, 56.78, 2500].map((ms) => formatDuration(ms))).toEqual([
      '45.2 µs',
      '1.23 ms',
      '56.8 ms',
      '2.50 s',
    ]);
    expect([1, 0.99996, 0.9264, 0.00001].map(formatPercent)).toEqual(['100.00 %', '> 99.99 %', '92.64 %', '0.00 %']);
    expect([0.0123, -0.0123, 0, -0.00001, 0.00001].map(formatPoints)).toEqual([
      '+1.23',
      '−1.23',
      '0.00',
      '0.00',
      '0.00',
    ]);
    expect([0, 1234.5, 0.00123].map((value) => formatNumber(value))).toEqual(['0.00', '1,235', '0.00123']);
  });
});
