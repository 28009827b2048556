import { UserError } from '../errors.js';
import type { RawAudio } from './types.js';

/** How one sample is stored: bytes it takes and its value in −1…1. */
interface Encoding {
  bytes: number;
  read(view: DataView, at: number): number;
}

/** Format tags of the `fmt ` chunk (Microsoft, mmreg.h). */
const FORMAT = { pcm: 0x0001, float: 0x0003, aLaw: 0x0006, muLaw: 0x0007, extensible: 0xfffe } as const;

/** Value of an 8-bit A-law code (ITU-T G.711). */
function fromALaw(code: number): number {
  const bits = code ^ 0x55;
  const exponent = (bits >> 4) & 7;
  const mantissa = ((bits & 15) << 4) + 8;
  const magnitude = exponent === 0 ? mantissa : (mantissa + 256) << (exponent - 1);
  return (bits & 0x80 ? magnitude : -magnitude) / 32768;
}

/** Value of an 8-bit µ-law code (ITU-T G.711). */
function fromMuLaw(code: number): number {
  const bits = ~code & 0xff;
  const magnitude = ((((bits & 15) << 3) + 132) << ((bits >> 4) & 7)) - 132;
  return (bits & 0x80 ? -magnitude : magnitude) / 32768;
}

/** Encodings by format tag and bytes per sample, scaled as libsndfile does. */
const ENCODINGS: Record<number, readonly Encoding[]> = {
  [FORMAT.pcm]: [
    { bytes: 1, read: (view, at) => (view.getUint8(at) - 128) / 2 ** 7 },
    { bytes: 2, read: (view, at) => view.getInt16(at, true) / 2 ** 15 },
    { bytes: 3, read: (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 2 ** 16) / 2 ** 23 },
    { bytes: 4, read: (view, at) => view.getInt32(at, true) / 2 ** 31 },
  ],
  [FORMAT.float]: [
    { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
    { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  ],
  [FORMAT.aLaw]: [{ bytes: 1, read: (view, at) => fromALaw(view.getUint8(at)) }],
  [FORMAT.muLaw]: [{ bytes: 1, read: (view, at) => fromMuLaw(view.getUint8(at)) }],
};

interface Format {
  encoding: Encoding;
  channels: number;
  sampleRate: number;
}

const MEND = 'save it as 16-bit PCM WAV';

function tagAt(view: DataView, at: number): string {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}

function readFormat(view: DataView, at: number, size: number, file: string): Format {
  const place = { file, where: `fmt chunk at byte ${at}`, mend: MEND };
  if (size < 16) throw new UserError(`is ${size} bytes long, 16 are needed`, place);
  const container = view.getUint16(at, true);
  if (container === FORMAT.extensible && size < 40) throw new UserError('extensible format without its fields', place);
  const tag = container === FORMAT.extensible ? view.getUint16(at + 24, true) : container;
  const channels = view.getUint16(at + 2, true);
  const sampleRate = view.getUint32(at + 4, true);
  if (channels === 0 || sampleRate === 0) throw new UserError(`${channels} channels at ${sampleRate} Hz`, place);
  const bytes = view.getUint16(at + 12, true) / channels;
  const encoding = ENCODINGS[tag]?.find((row) => row.bytes === bytes);
  if (encoding) return { encoding, channels, sampleRate };
  throw new UserError(`format 0x${tag.toString(16)} with ${bytes * 8} bits per sample is not supported`, place);
}

/**
 * Bytes of samples in the data chunk. Programs that write to a pipe leave its size at 0 or −1 in the header: the
 * samples then go on to the end of the file.
 */
function dataSize(size: number, left: number, file: string): number {
  if (size === 0xffffffff || (size === 0 && left > 0)) return left;
  if (size <= left) return size;
  throw new UserError(`is cut off: its header promises ${size} bytes of samples, ${left} are there`, {
    file,
    mend: 'fetch or record it again',
  });
}

/** Mean over the channels, which are interleaved. */
function mixDown(view: DataView, start: number, frames: number, format: Format, file: string): Float32Array {
  const { encoding, channels } = format;
  const samples = new Float32Array(frames);
  for (let frame = 0, at = start; frame < frames; frame++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++, at += encoding.bytes) sum += encoding.read(view, at);
    if (!Number.isFinite(sum))
      throw new UserError('is not a finite number', { file, where: `sample ${frame}`, mend: MEND });
    samples[frame] = sum / channels;
  }
  return samples;
}

/**
 * Decodes a WAV file (RIFF, RF64): integer samples of 8 to 32 bits, floats of 32 and 64 bits, A-law and µ-law, plain or
 * WAVE_FORMAT_EXTENSIBLE; several channels become their mean. Own code, because the libraries at hand misread
 * extensible float, count padding as samples, or scale both halves of the range differently.
 * @returns samples in −1…1, scaled as libsndfile does
 * @throws UserError naming the file and chunk where the data is cut off, empty, or in another format.
 */
export function decodeWav(bytes: Uint8Array, file: string): RawAudio {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isWav = bytes.length >= 12 && ['RIFF', 'RF64'].includes(tagAt(view, 0)) && tagAt(view, 8) === 'WAVE';
  if (!isWav) throw new UserError('is not a WAV file', { file, mend: MEND });
  let format: Format | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const tag = tagAt(view, at);
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    if (tag === 'data') {
      if (!format) throw new UserError('has samples before their format', { file, where: `byte ${at}`, mend: MEND });
      const length = dataSize(size, bytes.length - start, file);
      const frames = Math.floor(length / (format.encoding.bytes * format.channels));
      if (frames === 0) throw new UserError('holds no samples', { file, mend: 'leave it out or record it again' });
      return { kind: 'audio', samples: mixDown(view, start, frames, format, file), sampleRate: format.sampleRate };
    }
    if (tag === 'fmt ') {
      if (start + size > bytes.length) break;
      format = readFormat(view, start, size, file);
    }
    at = start + size + (size % 2);
  }
  throw new UserError(`is cut off: it has no ${format ? 'data' : 'fmt'} chunk`, {
    file,
    mend: 'fetch or record it again',
  });
}
