import { type NamedValues, pickValues } from '../ir/types.js';
import { isManifest, readManifest } from '../onnx/parts.js';
import { type HeldValues, LocalSession } from './local-session.js';
import type { SessionInfo, SessionOptions } from './protocol.js';

/** What runs in the thread that calls it: a model, or the parts of one. */
export interface LocalRunner {
  readonly info: SessionInfo;
  run(feeds: NamedValues, fetches?: readonly string[]): Promise<NamedValues>;
  /** Runs on values held, to be timed; the outputs, and what its parts give each other, are held, too. */
  runKept(feeds: HeldValues): Promise<HeldValues>;
  release(): Promise<void>;
}

/** Loads a model from its bytes or path, or the parts of one from the path of their manifest. */
export async function createRunner(model: Uint8Array | string, options: SessionOptions): Promise<LocalRunner> {
  if (typeof model !== 'string' || !isManifest(model)) return LocalSession.create(model, options);
  const { manifest, files } = readManifest(model);
  const parts: LocalSession[] = [];
  for (const file of files) parts.push(await LocalSession.create(file, options));
  return new LocalChain(parts, infoOfParts(parts, manifest));
}

/** The inputs and outputs of a whole model, as its parts declare them. */
export function infoOfParts(
  parts: readonly { info: SessionInfo }[],
  { inputs, outputs }: { inputs: readonly string[]; outputs: readonly string[] },
): SessionInfo {
  const all = (side: keyof SessionInfo, names: readonly string[]) =>
    names.flatMap((name) => parts.flatMap(({ info }) => info[side]).find((value) => value.name === name) ?? []);
  return { inputs: all('inputs', inputs), outputs: all('outputs', outputs) };
}

/** Parts of a model that run one after the other in one thread. */
class LocalChain implements LocalRunner {
  constructor(
    private readonly parts: readonly LocalSession[],
    readonly info: SessionInfo,
  ) {}

  run(feeds: NamedValues, fetches: readonly string[] = this.info.outputs.map(({ name }) => name)) {
    return runParts(this.parts, feeds, fetches);
  }

  async runKept(feeds: HeldValues): Promise<HeldValues> {
    const given: HeldValues = {};
    for (const part of this.parts)
      Object.assign(given, await part.runKept(inputsOf(part.info, { ...feeds, ...given })));
    return given;
  }

  async release(): Promise<void> {
    for (const part of this.parts) await part.release();
  }
}

/** Runs parts one after the other; each takes of the inputs and of what earlier ones gave what it knows by name. */
export async function runParts(
  parts: readonly { info: SessionInfo; run(feeds: NamedValues): Promise<NamedValues> }[],
  feeds: NamedValues,
  fetches: readonly string[],
): Promise<NamedValues> {
  const values = { ...feeds };
  for (const part of parts) Object.assign(values, await part.run(inputsOf(part.info, values)));
  return Object.fromEntries(fetches.map((name) => [name, values[name]!]));
}

const inputsOf = <T>({ inputs }: SessionInfo, values: Readonly<Record<string, T>>) =>
  pickValues(
    values,
    inputs.map(({ name }) => name),
  );
