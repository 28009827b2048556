import { expect, test } from 'vitest';
import { convolutionBlock } from '../../src/runtime/convolution-block.js';

test('the block is one of the sizes that vector registers have, and found once', async () => {
  expect([undefined, 8, 16]).toContain(await convolutionBlock());
  expect(convolutionBlock()).toBe(convolutionBlock());
});
