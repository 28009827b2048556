import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// `npm run test:cuda` begins here: without CUDA it ends with one line that says what to do.

const root = fileURLToPath(new URL('../..', import.meta.url));
const { stdout, stderr } = spawnSync(process.execPath, ['bin/nncompress.js', 'doctor', '--json'], {
  cwd: root,
  encoding: 'utf8',
});

/** What doctor says of CUDA. */
function cudaFinding() {
  try {
    return JSON.parse(stdout).checks.find(({ name }) => name === 'cuda');
  } catch {
    return { state: 'broken', detail: `nncompress doctor failed: ${stderr.trim()}`, mend: 'npm run build' };
  }
}

const { state, detail, mend } = cudaFinding();
if (state === 'ok') console.log(`cuda: ${detail}`);
else {
  console.error(`no CUDA to test: ${detail}${mend ? `; ${mend}` : ''}`);
  process.exitCode = 1;
}
