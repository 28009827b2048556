import { parseAugmentations } from '../data/augment/parse.js';
import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { surveyGradients } from '../training/survey.js';
import { type BatchOptions, checkBatch } from './finetune-plan.js';
import { type TrainingDataOptions, type Validation, withValidation } from './training-data.js';
import type { Workbench } from './workbench.js';

/**
 * Finds what training would refuse, before a teacher is run over all samples.
 * @param validation samples to choose by that are not held out.
 * @throws UserError where gradients do not get to the weights, or the samples do not fit what options say of them
 */
export async function checkTraining(
  bench: Pick<Workbench, 'path' | 'model'>,
  samples: TaskData,
  validation: Validation | undefined,
  options: TrainingDataOptions & Pick<BatchOptions, 'augment' | 'batch'>,
): Promise<void> {
  parseAugmentations(options.augment, samples);
  checkBatch(withValidation(samples, validation, options), options);
  await checkTrainable(bench, samples.output);
}

/** @throws UserError where gradients do not get from an output to the weights */
export async function checkTrainable(
  { path, model }: Pick<Workbench, 'path' | 'model'>,
  output: string,
): Promise<void> {
  const { obstacles } = await surveyGradients(model, [output]);
  if (!obstacles.length) return;
  const list = obstacles.map(({ node, type, reason }) => `${node} (${type}): ${reason}`);
  throw new UserError(`cannot be trained: ${list.join('; ')}`, {
    file: path,
    mend: 'leave out training, or see nncompress inspect --gradients',
  });
}
