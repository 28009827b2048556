import type { NamedValues } from '../ir/types.js';
import { type Manifest, readManifest } from '../onnx/parts.js';
import { runParts } from './local-chain.js';
import type { SessionInfo, SessionOptions } from './protocol.js';
import { RuntimeThread, Session } from './session.js';

/**
 * The parts of a split model, each in a thread of its own: while one batch is in a later part, the next is in an earlier one
 * (Huang et al., "GPipe", 2019). Every part is held once.
 */
export class Pipeline {
  private constructor(
    private readonly parts: readonly { info: SessionInfo; run(feeds: NamedValues): Promise<NamedValues> }[],
    private readonly manifest: Manifest,
    private readonly threads: readonly RuntimeThread[],
  ) {}

  /** @param path of the manifest. @throws UserError where a part cannot be loaded */
  static async create(path: string, options: SessionOptions): Promise<Pipeline> {
    const { manifest, files } = readManifest(path);
    const threads = files.map(RuntimeThread.take);
    try {
      const sessions = await Promise.all(files.map((file, k) => Session.create(file, options, threads[k])));
      const parts = sessions.map((session) => ({
        info: { inputs: [...session.inputs], outputs: [...session.outputs] },
        run: (feeds: NamedValues) => session.run(feeds),
      }));
      return new Pipeline(parts, manifest, threads);
    } catch (error) {
      await Promise.all(threads.map((thread) => thread.giveBack()));
      throw error;
    }
  }

  run(feeds: NamedValues): Promise<NamedValues> {
    return runParts(this.parts, feeds, this.manifest.outputs);
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.giveBack()));
  }
}
