import { messageOf } from '../errors.js';
import type { Provider } from './protocol.js';
import { runTrivialModel } from './trivial-model.js';

// A program: `node probe.js PROVIDER` runs a trivial model there and prints { error? } as JSON. It is a process of its
// own because providers write to stderr, and may end the process, where their libraries are incomplete.

runTrivialModel(process.argv[2] as Provider).then(
  () => process.stdout.write('{}'),
  (error) => process.stdout.write(JSON.stringify({ error: messageOf(error) })),
);
