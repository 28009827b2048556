import type { Mailbox } from '../parallel/mailbox.js';
import type { WorkerThread } from '../runtime/thread.js';

/** What the first of some processes sends to the others: what it has found, or that it is still at it. */
type News = { found: unknown } | undefined;

/** Calls of a thread by which its process tells others what it has found, or hears of it. */
export interface NewsMethods {
  tell(news: News): Promise<void>;
  hear(): Promise<unknown>;
}

/** How often others are told that the search goes on, in milliseconds. */
const INTERVAL = 1000;

/** Gives every process what the first of them finds. */
export async function findForAll<T>(
  thread: Pick<WorkerThread<NewsMethods>, 'call'>,
  isFirst: boolean,
  find: () => Promise<T>,
): Promise<T> {
  if (!isFirst) return (await thread.call('hear')) as T;
  const timer = setInterval(() => thread.call('tell', undefined).catch(() => {}), INTERVAL);
  const found = await find().finally(() => clearInterval(timer));
  await thread.call('tell', { found });
  return found;
}

/** @param others how many there are. */
export function tellNews(mailbox: Mailbox, others: number, news: News): void {
  for (let to = 1; to <= others; to++) mailbox.send(to, news);
  mailbox.settle();
}

/** Waits for what the first process has found. @throws UserError where it gives no sign of life */
export function hearNews(mailbox: Mailbox): unknown {
  for (;;) {
    const news = mailbox.receive(0) as News;
    if (news) return news.found;
  }
}
