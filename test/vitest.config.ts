import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));
/** File that a JSON report is wanted in. */
const results = process.env.TEST_RESULTS;

/** Tests run the compiled files, the ones that ship: sessions live in worker threads, which need plain JavaScript. */
export default defineConfig({
  root,
  resolve: { alias: [{ find: /^(\.\.\/)+src\//, replacement: `${root}dist/` }] },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: results ? ['default', ['json', { outputFile: results }]] : ['default'],
  },
});
