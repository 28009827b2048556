import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** From the bottom: each layer may import from itself and those before it. */
const LAYERS = [
  ...['ir', 'onnx', 'runtime', 'parallel', 'ops', 'analysis', 'passes', 'students'],
  ...['training', 'data', 'evaluate', 'report', 'commands'],
];

/** Lints a tree of files that import some modules. @returns for each file the modules that it may not import. */
function refused(imports: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'nncompress-layers-'));
  copyFileSync(join(root, '.biome.jsonc'), join(folder, '.biome.jsonc'));
  for (const [file, modules] of Object.entries(imports)) {
    mkdirSync(dirname(join(folder, 'src', file)), { recursive: true });
    const lines = modules.map((name, line) => `export * as m${line} from '${name}';\n`);
    writeFileSync(join(folder, 'src', file), lines.join(''));
  }
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
  const args = ['lint', '--reporter=github', '--colors=off', '--max-diagnostics=none', 'src'];
  const { stdout } = spawnSync(process.execPath, [biome, ...args], { cwd: folder, encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  const places = new Set(
    [...stdout.matchAll(/noRestrictedImports,file=[^,]*?src\/([^,]*,line=\d+)/g)].map(([, at]) => at),
  );
  const found = Object.entries(imports).map(([file, modules]) => [
    file,
    modules.filter((_, index) => places.has(`${file},line=${index + 1}`)),
  ]);
  return Object.fromEntries(found);
}

describe('layers', () => {
  it('are the folders of src', () => {
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual([...LAYERS].sort());
  });

  it('import from no later one', () => {
    const modules = LAYERS.map((layer) => `../${layer}/some.js`);
    const files = LAYERS.map((layer) => `${layer}/some.ts`);
    const found = refused(Object.fromEntries(files.map((file) => [file, modules])));
    expect(found).toEqual(Object.fromEntries(files.map((file, k) => [file, modules.slice(k + 1)])));
  });

  it('hold for folders inside and above, and for the files below all', () => {
    const found = refused({
      'passes/quantize/some.ts': ['../../data/task.js', '../../data/a/b.js', '../../ir/model.js', '../pass.js'],
      'some.ts': ['./ir/model.js', './errors.js', 'node:fs'],
      'commands/some.ts': ['../cli.js', '../errors.js'],
    });
    expect(found).toEqual({
      'passes/quantize/some.ts': ['../../data/task.js', '../../data/a/b.js'],
      'some.ts': ['./ir/model.js'],
      'commands/some.ts': ['../cli.js'],
    });
  });

  it('leave protobufjs to one of them, and onnxruntime-node to another', () => {
    const modules = ['protobufjs', 'protobufjs/light.js', 'onnxruntime-node', 'onnxruntime-common'];
    const files = [...LAYERS.map((layer) => `${layer}/some.ts`), 'some.ts', 'cli.ts'];
    const found = refused(Object.fromEntries(files.map((file) => [file, modules])));
    const expected = Object.fromEntries(files.map((file) => [file, modules]));
    expect(found).toEqual({
      ...expected,
      'onnx/some.ts': modules.slice(2),
      'runtime/some.ts': modules.slice(0, 2),
    });
  });
});
