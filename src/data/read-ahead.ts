/**
 * Makes things while earlier ones are in use: at most `prefetch` lie ready besides the one in use.
 * @param make makes the thing at a place, 0 … count − 1; may be called for several at a time, in order
 */
export async function* readAhead<Item>(
  count: number,
  prefetch: number,
  make: (at: number) => Promise<Item>,
): AsyncGenerator<Item, void, undefined> {
  const ready: Promise<Item>[] = [];
  for (let next = 0; next < count || ready.length > 0; ) {
    for (; next < count && ready.length <= prefetch; next++) {
      const item = make(next);
      item.catch(() => {}); // it may fail before its turn to be awaited comes
      ready.push(item);
    }
    yield await ready.shift()!;
  }
}
