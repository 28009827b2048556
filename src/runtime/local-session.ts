import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { type DataType, type NamedValues, pickValues, type TypedArray } from '../ir/types.js';
import { arraysOf, giveBack } from './give-back.js';
import type { SessionInfo, SessionOptions, SessionValue } from './protocol.js';

// What goes wrong is thrown as well; the log would only tear the progress line.
env.logLevel = 'fatal';

/** Values held as ONNX Runtime's tensors, by name. They view the arrays that they were made from. */
export type HeldValues = Record<string, Tensor>;

/**
 * A session in the thread that calls it, which blocks while the model runs: for the scripts of worker threads alone.
 * `Session` is the one for everybody else.
 */
export class LocalSession {
  private constructor(
    private readonly session: InferenceSession,
    readonly info: SessionInfo,
  ) {}

  static async create(model: Uint8Array | string, options: SessionOptions): Promise<LocalSession> {
    const session = await InferenceSession.create(model as string, sessionOptions(options));
    return new LocalSession(session, describe(session));
  }

  /** Views values as tensors that many runs may take, or write into. */
  static hold(values: NamedValues): HeldValues {
    return toOrt(values);
  }

  /** Runs the model; `fetches` names the outputs wanted, all where absent. `held` are further inputs. */
  async run(feeds: NamedValues, fetches?: readonly string[], held: HeldValues = {}): Promise<NamedValues> {
    const inputs = { ...toOrt(feeds), ...held };
    return fromOrt(fetches ? await this.session.run(inputs, [...fetches]) : await this.session.run(inputs));
  }

  /**
   * Runs the model on values held, and writes outputs into the arrays of others.
   * @param into where outputs go; those with null are returned instead.
   */
  async runHeld(feeds: HeldValues, into: Record<string, Tensor | null>): Promise<NamedValues> {
    const results = (await this.session.run(feeds, into)) as HeldValues;
    const names = Object.keys(into);
    // What was written into arrays of others is returned as well: in copies of its own.
    const copies = names.filter((name) => into[name] && into[name].data !== results[name]!.data);
    giveBack(arraysOf(pickValues(results, copies)));
    return fromOrt(Object.fromEntries(names.flatMap((name) => (into[name] ? [] : [[name, results[name]!]]))));
  }

  /** Runs the model on values held; all its outputs are held, too. */
  async runKept(feeds: HeldValues): Promise<HeldValues> {
    return (await this.session.run(feeds)) as HeldValues;
  }

  release(): Promise<void> {
    return this.session.release();
  }
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

function toOrt(values: NamedValues): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
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
