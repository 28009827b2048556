import { joinNews } from '../parallel/join.js';
import type { Mailbox } from '../parallel/mailbox.js';
import { serve } from '../runtime/serve.js';
import { hearNews, type NewsMethods, tellNews } from './news.js';

/** What the thread answers that speaks with other processes. */
export interface ErrandMethods extends NewsMethods {
  /** Meets the others. @param processes how many there are. */
  join(processes: number): Promise<void>;
}

let mailbox: Mailbox;
let others = 0;

serve<ErrandMethods>({
  join: async (processes) => {
    mailbox = await joinNews(Array.from({ length: processes }, (_, rank) => rank));
    others = processes - 1;
  },
  tell: async (news) => tellNews(mailbox, others, news),
  hear: async () => hearNews(mailbox),
});
