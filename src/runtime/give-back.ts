import { MessageChannel } from 'node:worker_threads';

const { port1: nowhere } = new MessageChannel();
nowhere.close();

/**
 * Frees the memory of arrays that nobody needs any more: what is sent to a closed port is gone. Left to the garbage
 * collector, arrays outside its heap make it go over the whole heap every few runs of a model. Memory stays of which an array
 * is but a part: others may be in the rest.
 * @param kept arrays that may share memory with them, which then stays.
 */
export function giveBack(arrays: readonly ArrayBufferView[], kept: readonly ArrayBufferView[] = []): void {
  const needed = buffersOf(kept);
  const whole = arrays.filter(({ byteLength, buffer }) => byteLength === buffer.byteLength);
  nowhere.postMessage(
    undefined,
    [...buffersOf(whole)].filter((buffer) => !needed.has(buffer)),
  );
}

/** The buffers that arrays lie in, each once. */
export function buffersOf(arrays: readonly ArrayBufferView[]): Set<ArrayBuffer> {
  return new Set(arrays.map(({ buffer }) => buffer as ArrayBuffer));
}

/** The arrays of values, of all but texts. */
export function arraysOf(values: Readonly<Record<string, { data: unknown }>>): ArrayBufferView[] {
  return Object.values(values).flatMap(({ data }) => (ArrayBuffer.isView(data) ? [data] : []));
}
