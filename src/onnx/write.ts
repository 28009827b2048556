import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, realpathSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../errors.js';
import { writeAtomically } from '../files.js';
import type { Model } from '../ir/model.js';
import type { Tensor } from '../ir/tensor.js';
import { closedParts, externalTensorsIn } from './closed.js';
import { externalLocation, resolveInside } from './external-data.js';
import { decodeModelProto, encodeModelProto, sameMessage, type TensorProto } from './messages.js';
import { isManifest, readManifest } from './parts.js';
import { modelFromProto } from './read.js';
import { isSparseOrigin } from './sparse.js';
import { modelToProto } from './to-proto.js';

/** A protobuf message ends below 2 GiB; the rest of the message needs room beside the tensors. */
const INLINE_LIMIT = 1.9e9;
/** Tensors of fewer bytes stay in the model file even where the others leave it. */
const SMALL = 1024;
/** Offsets of external data are multiples of a page, so that they can be mapped (onnx.proto, `external_data`). */
const PAGE = 4096;
const WINDOW = 16 * 2 ** 20;

/** The files that a model was written to. */
export interface WrittenModel {
  /** The main file first. */
  files: string[];
  /** Bytes of all files. */
  bytes: number;
}

/** Bytes of all tensors in a model, subgraphs included. */
export function tensorBytes(model: Model): number {
  let total = 0;
  for (const tensor of tensorsOf(model)) total += tensor.byteLength;
  return total;
}

function* tensorsOf(model: Model): Generator<Tensor> {
  for (const graph of model.graph.walk()) {
    yield* graph.initializers.values();
    for (const node of graph.nodes)
      for (const attribute of node.attributes.values()) if (attribute.kind === 'tensor') yield attribute.value;
  }
}

/** True where a model fits one file; larger ones need external data. */
export function fitsOneFile(model: Model, inlineLimit = INLINE_LIMIT): boolean {
  return tensorBytes(model) < inlineLimit;
}

/** Bytes that a model takes in its files, about so many where they are several. */
export function fileBytes(model: Model): number {
  return fitsOneFile(model) ? encodeModel(model).length : tensorBytes(model);
}

/** How a model is written. */
export interface WriteOptions {
  /** Bytes of tensors from which on they go to a file of their own; what a message can hold by default. */
  inlineLimit?: number;
}

/**
 * Encodes a model into one message with all its data inside. A model that is as it was read, without external data,
 * gives the very bytes it was read from.
 * @throws UserError where it does not fit into one message.
 */
export function encodeModel(model: Model): Uint8Array {
  if (!fitsOneFile(model))
    throw new UserError('the model is too large for one message', { mend: 'write it with external data' });
  if (model.source?.bytes && !usesExternalData(model) && isUnmodified(model)) return model.source.bytes;
  return encodeModelProto(modelToProto(model, { inlineExternal: true }));
}

/**
 * Writes a model, atomically. One that is as it was read is copied byte for byte with its data files; one that fits a
 * single file becomes one; a larger one gets `<name>.data` beside it, written in windows.
 * @throws UserError where the disk is full or the path cannot be written.
 */
export async function writeModel(model: Model, path: string, options: WriteOptions = {}): Promise<WrittenModel> {
  if (isAsRead(model)) return copyWithData(model, path);
  if (!fitsOneFile(model, options.inlineLimit)) return writeLarge(model, path);
  const bytes = encodeModel(model);
  await writeAtomically(path, (temporary) => writeAll(temporary, [bytes]));
  return { files: [path], bytes: bytes.length };
}

/** The files that `writeModel` would write now, the main one first; for asking before anything is replaced. */
export function plannedFiles(model: Model, path: string, options: WriteOptions = {}): string[] {
  if (isAsRead(model)) return modelFiles(model, path);
  return fitsOneFile(model, options.inlineLimit) ? [path] : [path, dataPathOf(path)];
}

/** True for a model with external data that nothing has changed. */
function isAsRead(model: Model): boolean {
  return usesExternalData(model) && isUnmodified(model);
}

function dataPathOf(path: string): string {
  return `${path}.data`;
}

async function writeLarge(model: Model, path: string): Promise<WrittenModel> {
  const dataPath = dataPathOf(path);
  const place = { next: 0, entries: [] as { tensor: Tensor; offset: number }[] };
  const outside = (tensor: Tensor): TensorProto | undefined => {
    if (tensor.strings || tensor.byteLength < SMALL) return undefined;
    const offset = Math.ceil(place.next / PAGE) * PAGE;
    place.next = offset + tensor.byteLength;
    place.entries.push({ tensor, offset });
    const entry = (key: string, value: string | number) => ({ key, value: String(value) });
    return {
      data_location: 1,
      external_data: [
        entry('location', basename(dataPath)),
        entry('offset', offset),
        entry('length', tensor.byteLength),
      ],
    };
  };
  const bytes = encodeModelProto(modelToProto(model, { inlineExternal: true, outside }));
  await writeAtomically(path, (temporary) => {
    writeAll(temporary, [bytes]);
    return writeAtomically(dataPath, (dataTemporary) => writeAll(dataTemporary, dataWindows(place.entries)));
  });
  return { files: [path, dataPath], bytes: bytes.length + place.next };
}

function* dataWindows(entries: readonly { tensor: Tensor; offset: number }[]): Generator<Uint8Array> {
  let position = 0;
  for (const { tensor, offset } of entries) {
    yield new Uint8Array(offset - position);
    for (const window of tensor.windows(WINDOW)) yield window;
    position = offset + tensor.byteLength;
  }
}

function writeAll(path: string, pieces: Iterable<Uint8Array>): void {
  const handle = openSync(path, 'w');
  try {
    for (const piece of pieces)
      for (let done = 0; done < piece.length; )
        done += writeSync(handle, piece, done, Math.min(piece.length - done, 1 << 30));
  } finally {
    closeSync(handle);
  }
}

async function copyWithData(model: Model, path: string): Promise<WrittenModel> {
  const source = model.source!;
  const locations = externalLocations(model);
  const files = [path];
  let bytes = source.bytes!.length;
  for (const location of locations) {
    const from = resolveInside(source.path, location, 'external data');
    const to = join(dirname(path), location);
    bytes += statSync(from).size;
    files.push(to);
    if (existsSync(to) && realpathSync(to) === realpathSync(from)) continue;
    mkdirSync(dirname(to), { recursive: true });
    await writeAtomically(to, (temporary) => copyFileSync(from, temporary));
  }
  await writeAtomically(path, (temporary) => writeAll(temporary, [source.bytes!]));
  return { files, bytes };
}

/** True where some tensor's data lies outside the model file. */
export function usesExternalData(model: Model): boolean {
  return externalLocations(model).size > 0;
}

/** Files that hold the model's external data, relative to its folder. */
export function externalLocations(model: Model): Set<string> {
  const locations = new Set<string>();
  const add = (proto: TensorProto | undefined) => {
    const location = proto && externalLocation(proto);
    if (location !== undefined) locations.add(location);
  };
  for (const { origin } of tensorsOf(model))
    if (isSparseOrigin(origin)) for (const part of externalTensorsIn(origin)) add(part);
    else add(origin as TensorProto | undefined);
  for (const part of closedParts(model)) for (const tensor of externalTensorsIn(part)) add(tensor);
  return locations;
}

/** The files that a model at a path consists of, the main one first. */
export function modelFiles(model: Model, path: string): string[] {
  const parts = isManifest(path) ? readManifest(path).files : [];
  return [path, ...parts, ...[...externalLocations(model)].map((location) => join(dirname(path), location))];
}

/** True where the model holds the messages that reading its source gives. */
function isUnmodified(model: Model): boolean {
  if (!model.source?.bytes) return false;
  for (const tensor of tensorsOf(model)) if (!tensor.origin) return false;
  const source = modelFromProto(decodeModelProto(model.source.bytes), model.source.path);
  const options = { inlineExternal: false };
  return sameMessage(modelToProto(model, options), modelToProto(source, options));
}
