import type { AdaptOptions } from './adapt-options.js';
import { trainingShape } from './option-shapes.js';
import { exact } from './option-values.js';

/** How a whole model is trained: as finetune does, but for what the options say. */
export function courseOf(
  train: string,
  { validation, holdOut, epochs, batch, lr, augment, resume }: Omit<AdaptOptions, 'train'>,
) {
  return exact(trainingShape).parse({ train, validation, holdOut, epochs, batch, lr, augment, resume });
}
