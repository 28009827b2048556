import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { AsyncBuffer, Compressors, FileMetaData, ParquetReadOptions, SchemaElement, SchemaTree } from 'hyparquet';
import { messageOf, UserError } from '../errors.js';
import { fileError } from './files.js';
import type { ParquetFacts, RowRange } from './parquet-protocol.js';

/** A Parquet file whose footer has been read; its rows are read when they are asked for. */
export interface ParquetReader extends ParquetFacts {
  /** Cells of some rows by column name; bytes stay bytes, integers of 64 bits are numbers. @throws UserError */
  read(columns: readonly string[], range: RowRange): Promise<Record<string, unknown>[]>;
}

/**
 * Opens a Parquet file: reads its footer, not its rows. What is damaged may keep it busy without an end.
 * @throws UserError where the file is missing, cut off or damaged; rows are read with the same errors, and where they
 * are packed or encoded in a way that is not known
 */
export async function openParquetReader(path: string): Promise<ParquetReader> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import('hyparquet');
  const file = await asyncBufferFromFile(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  await checkEnds(path, file);
  const metadata = await orDamaged(path, async () => {
    const footer = await parquetMetadataAsync(file);
    const rows = footer.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
    if (rows !== Number(footer.num_rows)) throw new Error(`its row groups hold ${rows} of ${footer.num_rows} rows`);
    if (!footer.schema.every(({ name }) => typeof name === 'string')) throw new Error('a column has no name');
    return footer;
  });
  const classes = classesOf(path, metadata);
  const options = {
    file,
    metadata,
    compressors: await loadCompressors(),
    utf8: false,
  } satisfies Partial<ParquetReadOptions>;
  return {
    columns: parquetSchema(metadata).children.map((column) => ({
      name: column.element.name,
      bytes: holdsBytes(column),
      classes: classes.get(column.element.name),
    })),
    size: Number(metadata.num_rows),
    groups: groupsOf(metadata),
    bytes: file.byteLength,
    async read(columns, { start, end }) {
      const read = () => parquetReadObjects({ ...options, columns: [...columns], rowStart: start, rowEnd: end });
      const rows = await orDamaged(path, read);
      return rows.map((row) => Object.fromEntries(columns.map((name) => [name, plainCell(row[name])])));
    },
  };
}

/** How pages are unpacked: by Node where it can, which takes no more memory than the page tells; Snappy by hyparquet. */
async function loadCompressors(): Promise<Compressors> {
  const { decompressLz4, decompressLz4Raw, decompressZstd } = await import('hyparquet-compressors');
  return {
    GZIP: (bytes, maxOutputLength) => gunzipSync(bytes, { maxOutputLength }),
    BROTLI: (bytes, maxOutputLength) => brotliDecompressSync(bytes, { maxOutputLength }),
    LZ4: decompressLz4,
    LZ4_RAW: decompressLz4Raw,
    ZSTD: (bytes) => decompressZstd(bytes),
  };
}

const MAGIC = 'PAR1';
/** How a file that is damaged is mended. */
export const CUT_OFF = { mend: 'fetch or write it again' };

async function checkEnds(path: string, file: AsyncBuffer): Promise<void> {
  const text = (bytes: ArrayBuffer) => Buffer.from(bytes).toString('latin1');
  const size = file.byteLength;
  const start = text(await orDamaged(path, async () => file.slice(0, Math.min(4, size))));
  if (start === 'PARE') throw new UserError('is encrypted', { file: path, mend: 'write it without encryption' });
  if (start !== MAGIC) throw new UserError('is not a Parquet file', { file: path, mend: 'it would begin with PAR1' });
  const end = size < 12 ? '' : text(await orDamaged(path, async () => file.slice(size - 4, size)));
  if (end !== MAGIC) throw new UserError('is cut off: it does not end with PAR1', { file: path, ...CUT_OFF });
}

/** Runs the reader; what it throws on damaged or unknown content becomes one line that names the file. */
async function orDamaged<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (/^E[A-Z]+$/.test((error as NodeJS.ErrnoException).code ?? '')) throw fileError(path, error);
    if (error instanceof TypeError || error instanceof RangeError)
      throw new UserError('is damaged: its parts do not fit together', { file: path, ...CUT_OFF });
    const message = messageOf(error).replace(/^parquet /, '');
    const unknown = /^unsupported compression codec: (.*)/.exec(message)?.[1];
    if (unknown !== undefined) {
      const mend = 'write it with SNAPPY, GZIP, ZSTD, BROTLI or LZ4';
      throw new UserError(`is packed with ${unknown}, which is not known`, { file: path, mend });
    }
    const told = /unsupported|not supported/.test(message);
    throw new UserError(told ? message : `is damaged: ${message}`, { file: path, ...CUT_OFF });
  }
}

/** Types by which a column of byte arrays says that they are text, numbers or the like. */
const isPlainBytes = ({ type, converted_type, logical_type }: SchemaElement) =>
  (type === 'BYTE_ARRAY' || type === 'FIXED_LEN_BYTE_ARRAY') && !converted_type && !logical_type;

function holdsBytes({ element, children }: SchemaTree): boolean {
  if (children.length === 0) return element.repetition_type !== 'REPEATED' && isPlainBytes(element);
  return children.some((child) => child.element.name === 'bytes' && isPlainBytes(child.element));
}

/** Class names by column, from the features that the Hugging Face library writes beside the schema. */
function classesOf(path: string, metadata: FileMetaData): Map<string, readonly string[]> {
  const text = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  if (text === undefined) return new Map();
  let features: unknown;
  try {
    features = JSON.parse(text)?.info?.features;
  } catch (error) {
    throw new UserError(`is not JSON: ${messageOf(error)}`, { file: path, where: "metadata 'huggingface'" });
  }
  const named = Object.entries(features ?? {}).map(([name, feature]) => [name, classLabel(feature)] as const);
  return new Map(named.filter((entry): entry is [string, string[]] => entry[1] !== undefined));
}

/** Names of a ClassLabel, or of a list of them, in any of the ways that versions of the library write one. */
function classLabel(feature: unknown): string[] | undefined {
  if (Array.isArray(feature)) return classLabel(feature[0]);
  if (typeof feature !== 'object' || feature === null) return undefined;
  const { _type, names, feature: inner } = feature as Record<string, unknown>;
  if (inner !== undefined) return classLabel(inner);
  return _type === 'ClassLabel' && Array.isArray(names) ? names.map(String) : undefined;
}

function groupsOf({ row_groups }: FileMetaData): RowRange[] {
  let end = 0;
  return row_groups.map(({ num_rows }) => {
    const start = end;
    end += Number(num_rows);
    return { start, end };
  });
}

/** A cell as JSON would have it, but for bytes. */
function plainCell(cell: unknown): unknown {
  if (typeof cell === 'bigint') return Number(cell);
  if (Array.isArray(cell)) return cell.map(plainCell);
  if (ArrayBuffer.isView(cell) && !(cell instanceof Uint8Array)) return Array.from(cell as Int32Array, Number);
  return cell;
}
