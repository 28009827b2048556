import { parentPort, workerData } from 'node:worker_threads';
import { env, InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';
import { messageOf } from '../errors.js';
import type { DataType, NamedValues, TypedArray } from '../ir/types.js';
import type {
  SessionInfo,
  SessionOptions,
  SessionValue,
  WorkerMethods,
  WorkerRequest,
  WorkerResponse,
} from './protocol.js';

// ONNX Runtime blocks the thread it runs on, so sessions live here and the main thread stays responsive.

// What goes wrong is thrown as well; the log would only tear the progress line.
env.logLevel = 'fatal';

type OrtFeeds = Record<string, Tensor>;

const sessions = new Map<number, InferenceSession>();

/** @throws Error where the main thread wants no more work done */
function checkStop(): void {
  if (Atomics.load(workerData as Int32Array, 0)) throw new Error('stopped');
}

const methods: WorkerMethods = {
  async create(id, model, options) {
    const session = await InferenceSession.create(model as string, sessionOptions(options));
    sessions.set(id, session);
    return describe(session);
  },
  async run(id, feeds, fetches) {
    const session = get(id);
    const inputs = toOrt(feeds);
    const results = fetches ? await session.run(inputs, [...fetches]) : await session.run(inputs);
    return fromOrt(results);
  },
  async time(ids, feeds, rounds) {
    const inputs = feeds.map(toOrt);
    const turns = ids.map(get);
    const rows: Float64Array[] = [];
    for (let round = 0; round < rounds; round++) {
      checkStop();
      const row = new Float64Array(turns.length);
      for (let k = 0; k < turns.length; k++) {
        const turn = round % 2 ? turns.length - 1 - k : k;
        const start = performance.now();
        await turns[turn]!.run(inputs[turn]!);
        row[turn] = performance.now() - start;
      }
      rows.push(row);
    }
    return rows;
  },
  async release(id) {
    await get(id).release();
    sessions.delete(id);
  },
  async backends() {
    return listSupportedBackends().map(({ name, bundled }) => ({ name, bundled }));
  },
};

function get(id: number): InferenceSession {
  const session = sessions.get(id);
  if (!session) throw new Error(`session ${id} was released`);
  return session;
}

function sessionOptions(options: SessionOptions): InferenceSession.SessionOptions {
  const { provider = 'cpu', threads, optimization, memoryPattern, optimizedModelPath } = options;
  return {
    executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
    logSeverityLevel: 4,
    ...(threads ? { intraOpNumThreads: threads, interOpNumThreads: 1 } : {}),
    ...(optimization ? { graphOptimizationLevel: optimization } : {}),
    ...(memoryPattern === undefined ? {} : { enableMemPattern: memoryPattern }),
    ...(optimizedModelPath ? { optimizedModelFilePath: optimizedModelPath } : {}),
  };
}

function describe(session: InferenceSession): SessionInfo {
  const value = (meta: InferenceSession.ValueMetadata): SessionValue =>
    meta.isTensor
      ? {
          name: meta.name,
          type: meta.type,
          dims: meta.shape.map((dim) => (dim === '' || dim === -1 ? undefined : dim)),
        }
      : { name: meta.name, type: undefined, dims: [] };
  return { inputs: session.inputMetadata.map(value), outputs: session.outputMetadata.map(value) };
}

function toOrt(values: NamedValues): OrtFeeds {
  const feeds: OrtFeeds = {};
  for (const [name, value] of Object.entries(values))
    feeds[name] = new Tensor(value.type as 'float32', value.data as Float32Array, value.dims);
  return feeds;
}

function fromOrt(results: InferenceSession.OnnxValueMapType): NamedValues {
  const values: NamedValues = {};
  for (const [name, tensor] of Object.entries(results)) {
    const { type, dims, data } = tensor as Tensor;
    values[name] = { type: type as DataType, dims, data: data as TypedArray | string[] };
  }
  return values;
}

parentPort?.on('message', async ({ id, method, args }: WorkerRequest) => {
  let response: WorkerResponse;
  try {
    checkStop();
    const result = await (methods[method] as (...args: unknown[]) => Promise<unknown>)(...args);
    response = { id, result };
  } catch (error) {
    response = { id, error: messageOf(error) };
  }
  parentPort?.postMessage(response);
});
