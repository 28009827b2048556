const percent = (value) => (100 * value).toFixed(2);
const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
const interval = ({ value, low, high }) => `${value.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;

/** A line for each model, target and way: means over the seeds, and each speed-up with its interval. */
export function markdownTable(results, batches) {
  const groups = [...new Set(results.map(keyOf))].map((key) => results.filter((one) => keyOf(one) === key));
  const columns = [
    ...['model', 'target', 'way', 'MACs left', 'original', 'pruned', 'trained (each seed)', 's', 's of training'],
    ...batches.map((batch) => `faster at batch ${batch}`),
  ];
  const rows = groups.map((group) => {
    const [{ model, target, way }] = group;
    const trained = group.map((one) => percent(one.trained));
    return [
      ...[model, target, way, percent(mean(group.map(({ macs }) => macs)))],
      ...['original', 'pruned'].map((key) => percent(mean(group.map((one) => one[key])))),
      trained.length > 1 ? `${percent(mean(group.map((one) => one.trained)))} (${trained.join(', ')})` : trained[0],
      ...['seconds', 'trainSeconds'].map((key) => mean(group.map((one) => one[key])).toFixed(1)),
      ...batches.map((_, k) => group.map(({ speedups }) => interval(speedups[k])).join(', ')),
    ];
  });
  return `${[columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

const keyOf = ({ model, target, way }) => `${model} ${target} ${way}`;
