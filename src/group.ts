/** Items by a key, keys in order of their first item. (`Map.groupBy` needs Node 21.) */
export function groupBy<Item>(items: Iterable<Item>, key: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const name = key(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return groups;
}

/** Vectors one after the other in one. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(sumOf(parts, ({ length }) => length));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** The sum of a number over items. */
export function sumOf<Item>(items: Iterable<Item>, number: (item: Item) => number): number {
  let sum = 0;
  for (const item of items) sum += number(item);
  return sum;
}
