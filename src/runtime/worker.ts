import { listSupportedBackends } from 'onnxruntime-node';
import { counting } from './counting.js';
import { arraysOf, giveBack } from './give-back.js';
import { createRunner, type LocalRunner } from './local-chain.js';
import { LocalSession } from './local-session.js';
import type { WorkerMethods } from './protocol.js';
import { checkStop, serve, withArrays } from './serve.js';

const sessions = new Map<number, LocalRunner>();

const methods: WorkerMethods = {
  async create(id, model, options) {
    const session = await createRunner(model, options);
    sessions.set(id, options.countsBelow ? counting(session, options.countsBelow) : session);
    return session.info;
  },
  async run(id, feeds, fetches) {
    const results = await get(id).run(feeds, fetches);
    const leaving = arraysOf(results);
    giveBack(arraysOf(feeds), leaving);
    return withArrays(results, leaving);
  },
  async time(ids, feeds, rounds) {
    const inputs = feeds.map((values) => values.map(LocalSession.hold));
    const turns = ids.map(get);
    const inARow = Math.max(...inputs.map((own) => own.length));
    const rows: Float64Array[] = [];
    for (let round = 0; round < rounds; round++) {
      const added = Array.from({ length: inARow }, () => new Float64Array(turns.length));
      for (let k = 0; k < turns.length; k++) {
        const turn = round % 2 ? turns.length - 1 - k : k;
        for (const [place, row] of added.entries()) {
          checkStop();
          const start = performance.now();
          const outputs = await turns[turn]!.runKept(inputs[turn]![place % inputs[turn]!.length]!);
          row[turn] = performance.now() - start;
          giveBack(arraysOf(outputs));
        }
      }
      rows.push(...added);
    }
    return rows;
  },
  async release(id) {
    await get(id).release();
    sessions.delete(id);
  },
  async releaseAll() {
    for (const session of sessions.values()) await session.release();
    sessions.clear();
  },
  async backends() {
    return listSupportedBackends().map(({ name, bundled }) => ({ name, bundled }));
  },
};

function get(id: number): LocalRunner {
  const session = sessions.get(id);
  if (!session) throw new Error(`session ${id} was released`);
  return session;
}

serve(methods);
