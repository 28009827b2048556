import { defineConfig } from 'vitest/config';
import tests from '../vitest.config.js';

/** The checks that need a CUDA GPU: `npm run test:cuda`. They are not part of `npm test`. */
export default defineConfig({
  ...tests,
  test: { ...tests.test, include: ['test/cuda/**/*.cuda.ts'], testTimeout: 600_000 },
});
