// Prints the counts of vitest's JSON report as one line: node .ci/summary.mjs REPORT STATUS. What failed without being
// a test (an install, a lint, a file that does not load) counts as one failure.
import { existsSync, readFileSync } from 'node:fs';

const [path, status] = process.argv.slice(2);

function count() {
  if (!existsSync(path)) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(readFileSync(path, 'utf8'));
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const failed = report.numFailedTests + broken.length;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && status !== '0' ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

const { passed, failed, skipped } = count();
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed ? 1 : 0;
