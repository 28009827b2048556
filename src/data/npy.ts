import { open, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../errors.js';
import { viewOf } from '../ir/tensor.js';
import { DATA_TYPES, type DataType, elementCount, type TensorValue } from '../ir/types.js';
import { type ArrayRows, arraysDataset, labelsOf, rowsOf, viewOfBigEndian } from './array-source.js';
import { fileError, isFile } from './files.js';
import type { Dataset } from './types.js';

/** Element types by NumPy's type codes, without the byte order. */
const TYPES: Record<string, DataType> = {
  b1: 'bool',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
};

/** What the header of an NPY file says. */
interface Header {
  type: DataType;
  /** Bytes an element takes in the file. */
  itemSize: number;
  /** Decodes the strings of NumPy's `U` (UTF-32) or `S` (bytes) types. */
  decodeText?: (item: Buffer) => string;
  bigEndian: boolean;
  fortranOrder: boolean;
  dims: number[];
  /** Byte at which the data begins. */
  start: number;
}

/**
 * Reads the header of an NPY file, version 1 to 3 (numpy.lib.format).
 * @param where the array's name inside an archive, for messages
 */
function readHeader(file: string, bytes: Buffer, where?: string): Header {
  const damaged = () => new UserError('is not a NumPy array', { file, where, mend: 'save it again with numpy.save' });
  if (bytes.length < 12 || bytes.toString('latin1', 0, 6) !== '\x93NUMPY') throw damaged();
  const wide = bytes[6]! > 1;
  const begin = wide ? 12 : 10;
  const start = begin + (wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
  const text = bytes.toString(bytes[6]! > 2 ? 'utf8' : 'latin1', begin, start);
  const descr = /'descr':\s*('([^']*)'|[[(].*)/.exec(text);
  const order = /'fortran_order':\s*(True|False)/.exec(text);
  const shape = /'shape':\s*\(([\d,\sL]*)\)/.exec(text);
  if (!descr || !order || !shape || start > bytes.length) throw damaged();
  const dims = shape[1]!.split(',').flatMap((part) => (part.trim() === '' ? [] : Number.parseInt(part, 10)));
  return { ...elementType(file, descr[2] ?? descr[1]!, where), fortranOrder: order[1] === 'True', dims, start };
}

function elementType(
  file: string,
  descr: string,
  where?: string,
): Pick<Header, 'type' | 'itemSize' | 'decodeText' | 'bigEndian'> {
  const [, order, code = '', size = ''] = /^([<>|=]?)([a-zA-Z])(\d*)$/.exec(descr) ?? [];
  const bigEndian = order === '>';
  const type = TYPES[`${code}${size}`];
  if (type) return { type, itemSize: DATA_TYPES[type].bits / 8, bigEndian };
  if (code === 'S') return { type: 'string', itemSize: Number(size), bigEndian, decodeText: decodeBytes };
  if (code === 'U') {
    const decodeText = (item: Buffer) => decodeUtf32(item, bigEndian);
    return { type: 'string', itemSize: 4 * Number(size), bigEndian, decodeText };
  }
  const what = code === 'O' ? 'holds Python objects' : `holds elements of type ${descr.trim()}`;
  throw new UserError(what, { file, where, mend: 'save numbers, as in array.astype("float32")' });
}

function decodeBytes(item: Buffer): string {
  return item.toString('utf8').replace(/\0+$/, '');
}

function decodeUtf32(item: Buffer, bigEndian: boolean): string {
  const codes = Array.from({ length: item.length / 4 }, (_, at) =>
    bigEndian ? item.readUInt32BE(4 * at) : item.readUInt32LE(4 * at),
  );
  return String.fromCodePoint(...codes.map((code) => (code > 0x10ffff ? 0xfffd : code))).replace(/\0+$/, '');
}

function decodeData(header: Header, bytes: Buffer): TensorValue['data'] {
  const { type, itemSize, decodeText, bigEndian } = header;
  if (decodeText) {
    return Array.from({ length: itemSize === 0 ? 0 : bytes.length / itemSize }, (_, at) =>
      decodeText(bytes.subarray(at * itemSize, (at + 1) * itemSize)),
    );
  }
  return bigEndian ? viewOfBigEndian(type, bytes) : viewOf(type, bytes);
}

/** Column-major data in row-major order. */
function toRowMajor<Data extends TensorValue['data']>(data: Data, dims: readonly number[]): Data {
  const output = data.slice() as Data;
  const steps = dims.map((_, axis) => elementCount(dims.slice(0, axis)));
  const at = new Array<number>(dims.length).fill(0);
  for (let index = 0, from = 0; index < output.length; index++) {
    output[index] = data[from]!;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++at[axis]! < dims[axis]!) break;
      from -= steps[axis]! * dims[axis]!;
      at[axis] = 0;
    }
  }
  return output;
}

/**
 * An NPY file in memory, in row-major order. float16 comes as bit patterns, strings as an array.
 * @param where the array's name inside an archive, for messages
 * @throws UserError where it is not NPY, is cut off, or holds objects, records or complex numbers.
 */
export function parseNpy(file: string, bytes: Buffer, where?: string): TensorValue {
  const header = readHeader(file, bytes, where);
  checkLength(file, header, bytes.length, where);
  const data = decodeData(header, bytes.subarray(header.start, header.start + byteCount(header)));
  return { type: header.type, dims: header.dims, data: header.fortranOrder ? toRowMajor(data, header.dims) : data };
}

function byteCount(header: Header): number {
  return elementCount(header.dims) * header.itemSize;
}

function checkLength(file: string, header: Header, length: number, where?: string): void {
  if (length - header.start >= byteCount(header)) return;
  const what = `is cut off: [${header.dims.join(', ')}] ${header.type} takes ${byteCount(header)} bytes`;
  throw new UserError(`${what}, ${length - header.start} are there`, { file, where, mend: 'save it again' });
}

/** Bytes of `file` from `begin` on. Opened for each read, so that nothing has to be closed. */
async function readPart(file: string, begin: number, length: number): Promise<Buffer> {
  try {
    const handle = await open(file);
    try {
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await handle.read(buffer, 0, length, begin);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(file, error);
  }
}

/** Bytes read at once; rows that are larger are read one by one. */
const WINDOW_BYTES = 1 << 20;
/** Windows kept, for samples that are loaded out of order. */
const WINDOWS_KEPT = 16;

/**
 * The rows of an NPY file, read in windows of about 1 MiB as they are asked for, so that the file may be larger than
 * memory. Column-major files are read whole.
 * @throws UserError as {@link parseNpy} does.
 */
export async function openNpyRows(file: string): Promise<ArrayRows> {
  const head = await readPart(file, 0, 1 << 16);
  const header = readHeader(file, head);
  const size = await fileSize(file);
  checkLength(file, header, size);
  const rowDims = header.dims.slice(1);
  if (header.fortranOrder || header.dims.length === 0) {
    return rowsOf(file, parseNpy(file, await readPart(file, 0, size)));
  }
  const rowBytes = elementCount(rowDims) * header.itemSize;
  const rowsAtOnce = Math.max(1, Math.floor(WINDOW_BYTES / Math.max(1, rowBytes)));
  const windows = new Map<number, Promise<Buffer>>();
  const windowOf = (index: number): Promise<Buffer> => {
    const known = windows.get(index);
    if (known) return known;
    const begin = index * rowsAtOnce;
    const rows = Math.min(rowsAtOnce, header.dims[0]! - begin);
    const reading = readPart(file, header.start + begin * rowBytes, rows * rowBytes);
    windows.set(index, reading);
    if (windows.size > WINDOWS_KEPT) windows.delete(windows.keys().next().value!);
    return reading;
  };
  return {
    file,
    type: header.type,
    dims: header.dims,
    async row(index) {
      const window = await windowOf(Math.floor(index / rowsAtOnce));
      const begin = (index % rowsAtOnce) * rowBytes;
      return { type: header.type, dims: rowDims, data: decodeData(header, window.subarray(begin, begin + rowBytes)) };
    },
  };
}

async function fileSize(file: string): Promise<number> {
  const entry = await stat(file).catch((error: unknown) => {
    throw fileError(file, error);
  });
  return entry.size;
}

/**
 * Opens a single NPY file as the only input of a model. Its labels are in `<name>.labels.npy`, or in `labels.npy`
 * beside it; without them the samples have no labels.
 * @throws UserError as {@link parseNpy} does, and where labels and samples differ in number.
 */
export async function openNpy(path: string): Promise<Dataset> {
  const stem = basename(path).replace(/\.npy$/i, '');
  const folder = dirname(path);
  for (const file of [join(folder, `${stem}.labels.npy`), join(folder, 'labels.npy')]) {
    if (!(await isFile(file))) continue;
    const size = await fileSize(file);
    const values = labelsOf(file, parseNpy(file, await readPart(file, 0, size)));
    return arraysDataset(path, { [stem]: await openNpyRows(path) }, { file, values });
  }
  return arraysDataset(path, { [stem]: await openNpyRows(path) });
}
