import type { Dim } from '../ir/graph.js';
import type { NamedValues } from '../ir/types.js';

/** Where a model runs. */
export type Provider = 'cpu' | 'cuda' | 'webgpu';

/** How a session is made. */
export interface SessionOptions {
  provider?: Provider | undefined;
  /** Threads of one operator; ONNX Runtime's default (all cores) where absent. */
  threads?: number | undefined;
  /** How far ONNX Runtime rewrites the graph; `all` where absent. */
  optimization?: 'disabled' | 'basic' | 'extended' | 'all' | undefined;
  /** False: memory is not planned ahead for each shape of inputs; less is held, and runs cost a little more. */
  memoryPattern?: boolean | undefined;
  /** Outputs of type uint16 are given as how often each number below this occurs in them. */
  countsBelow?: number | undefined;
  /** File to write the graph to that ONNX Runtime really runs. */
  optimizedModelPath?: string | undefined;
}

/** Name, element type and shape of a session's input or output; the type is `undefined` for sequences and maps. */
export interface SessionValue {
  name: string;
  type: string | undefined;
  dims: readonly Dim[];
}

/** What a session says of itself when it is made. */
export interface SessionInfo {
  inputs: SessionValue[];
  outputs: SessionValue[];
}

/** Methods of the worker thread: arguments and result. */
export interface WorkerMethods {
  create(session: number, model: Uint8Array | string, options: SessionOptions): Promise<SessionInfo>;
  run(session: number, feeds: NamedValues, fetches: readonly string[] | undefined): Promise<NamedValues>;
  /**
   * Milliseconds of each run: one row per round and input, one column per session, the sessions taking turns.
   * @param feeds inputs of each session, which takes them in a row in each round.
   */
  time(
    sessions: readonly number[],
    feeds: readonly (readonly NamedValues[])[],
    rounds: number,
  ): Promise<Float64Array[]>;
  release(session: number): Promise<void>;
  releaseAll(): Promise<void>;
  /** Providers that the installed ONNX Runtime lists. */
  backends(): Promise<{ name: string; bundled: boolean }[]>;
}
