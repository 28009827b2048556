import { describe, expect, it } from 'vitest';
import { decodeWav } from '../../src/data/wav.js';
import { AUDIO, distance } from './recorded/audio.js';

const bytesOf = (name: string) => Buffer.from(AUDIO.wav.find((file) => file.name === name)!.bytes, 'base64');

/** A WAV file from its chunks. */
function wav(...chunks: [tag: string, content: Buffer][]): Buffer {
  const body = chunks.map(([tag, content]) => {
    const head = Buffer.from(`${tag}    `);
    head.writeUInt32LE(content.length, 4);
    return Buffer.concat([head, content, Buffer.alloc(content.length % 2)]);
  });
  const whole = Buffer.concat([Buffer.from('RIFF    WAVE'), ...body]);
  whole.writeUInt32LE(whole.length - 8, 4);
  return whole;
}

function format(tag: number, channels: number, bits: number, rate = 8000): Buffer {
  const content = Buffer.alloc(16);
  content.writeUInt16LE(tag, 0);
  content.writeUInt16LE(channels, 2);
  content.writeUInt32LE(rate, 4);
  content.writeUInt16LE((channels * bits) / 8, 12);
  content.writeUInt16LE(bits, 14);
  return content;
}

const pcm16 = (...values: number[]) => Buffer.from(Int16Array.from(values).buffer);

describe('decodeWav', () => {
  it.each(AUDIO.wav)('reads $name as libsndfile does', ({ name, bytes, samples }) => {
    const audio = decodeWav(Buffer.from(bytes, 'base64'), name);
    expect(audio.sampleRate).toBe(8000);
    expect(distance(audio.samples, samples)).toBe(0);
  });

  it('averages channels, skips other chunks and the padding byte of odd ones', () => {
    const file = wav(
      ['LIST', Buffer.from('odd')],
      ['fmt ', format(1, 2, 16, 44100)],
      ['fact', Buffer.alloc(4)],
      ['data', pcm16(16384, 0, -32768, 32767)],
    );
    const audio = decodeWav(file, 'a.wav');
    expect([...audio.samples]).toEqual([0.25, -1 / 65536]);
    expect(audio.sampleRate).toBe(44100);
  });

  it('reads an odd number of bytes without a sample too many', () => {
    const file = wav(['fmt ', format(1, 1, 8)], ['data', Buffer.from([128, 0, 255])]);
    expect([...decodeWav(file, 'a.wav').samples]).toEqual([0, -1, 127 / 128]);
  });

  it('takes a stream whose header gives no size to its end', () => {
    for (const size of [0, 0xffffffff]) {
      const file = wav(['fmt ', format(1, 1, 16)], ['data', pcm16(8192, 16384)]);
      file.writeUInt32LE(size, 40);
      expect([...decodeWav(file, 'a.wav').samples]).toEqual([0.25, 0.5]);
    }
  });

  it.each([
    ['no WAV', Buffer.from('ID3 is something else'), /^a.wav: is not a WAV file; save it as 16-bit PCM WAV$/],
    ['an empty file', Buffer.alloc(0), /is not a WAV file/],
    ['a cut header', bytesOf('WAV PCM_16').subarray(0, 30), /is cut off: it has no fmt chunk/],
    ['no samples chunk', wav(['fmt ', format(1, 1, 16)]), /is cut off: it has no data chunk/],
    [
      'cut samples',
      wav(['fmt ', format(1, 1, 16)], ['data', pcm16(1, 2)]).subarray(0, 46),
      /4 bytes of samples, 2 are/,
    ],
    ['no samples', wav(['fmt ', format(1, 1, 16)], ['data', pcm16()]), /holds no samples/],
    ['samples first', wav(['data', pcm16(1)], ['fmt ', format(1, 1, 16)]), /has samples before their format/],
    ['another codec', wav(['fmt ', format(0x55, 1, 16)], ['data', pcm16(1)]), /format 0x55 with 16 bits/],
    ['no channels', wav(['fmt ', format(1, 0, 16)], ['data', pcm16(1)]), /0 channels at 8000 Hz/],
    [
      'not a number',
      wav(['fmt ', format(3, 1, 32)], ['data', Buffer.from([0, 0, 192, 127])]),
      /sample 0: is not a finite/,
    ],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeWav(bytes, 'a.wav')).toThrow(message);
  });
});
