import { describe, expect, it } from 'vitest';
import { imageLayout } from '../../src/data/image-layout.js';
import type { InputSpec } from '../../src/data/types.js';

const input = (...dims: InputSpec['dims'][number][]): InputSpec => ({ name: 'x', type: 'float32', dims });

describe('imageLayout', () => {
  it.each([
    [['N', 1, 28, 28], 'NCHW', 1, 28, 28],
    [['unk__76', 28, 28, 1], 'NHWC', 1, 28, 28],
    [['b', 3, 'h', 'w'], 'NCHW', 3, undefined, undefined],
    [['batch_size', 'num_channels', 'height', 'width'], 'NCHW', undefined, undefined, undefined],
    [['n', 224, 160, 'channels'], 'NHWC', undefined, 224, 160],
    [['n', 28, 32], 'NCHW', 1, 28, 32],
    [['n', 784], 'NCHW', 1, 28, 28],
    [['n', 3072], 'NCHW', 3, 32, 32],
  ] as const)('reads %j', (dims, layout, channels, height, width) => {
    expect(imageLayout(input(...dims))).toMatchObject({ layout, channels, height, width });
  });

  it('takes the layout that is named where the shape leaves it open', () => {
    expect(imageLayout(input('n', undefined, undefined, undefined), 'NHWC')).toMatchObject({ layout: 'NHWC' });
    expect(imageLayout(input('n', 3, 64, 3), 'NCHW')).toMatchObject({
      layout: 'NCHW',
      channels: 3,
      height: 64,
      width: 3,
    });
  });

  it('shapes a sample', () => {
    expect(imageLayout(input('n', 3, 4, 5)).shape(4, 5, 3)).toEqual([3, 4, 5]);
    expect(imageLayout(input('n', 4, 5, 3)).shape(4, 5, 3)).toEqual([4, 5, 3]);
    expect(imageLayout(input('n', 4, 5)).shape(4, 5, 1)).toEqual([4, 5]);
    expect(imageLayout(input('n', 4)).shape(2, 2, 1)).toEqual([4]);
  });

  it.each([
    [['n', undefined, 'h', 'w'], "input 'x' [n, ?, h, w] does not show which axis holds the channels; name the layout"],
    [['n', 3, 64, 3], 'does not show which axis holds the channels'],
    [['n', 4, 64, 64], 'does not show which axis holds the channels'],
    [['n', 100, 8, 64, 64], "input 'x' [n, 100, 8, 64, 64] is no shape of images; images take [N, C, H, W]"],
    [[3, 224, 224], 'is no shape of images'],
    [['n', 10], 'has 10 values, which is no square image; give the data as arrays'],
  ] as const)('refuses %j', (dims, message) => {
    expect(() => imageLayout(input(...dims))).toThrow(message);
  });

  it('refuses a channel count that images do not have', () => {
    expect(() => imageLayout(input('n', 4, 64, 64), 'NCHW')).toThrow('has 4 channels as NCHW; images have 1 or 3');
  });
});
