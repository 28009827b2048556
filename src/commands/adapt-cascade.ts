import { basename, dirname } from 'node:path';
import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import type { ExitModel } from '../evaluate/exits.js';
import { Emitter } from '../ir/emitter.js';
import type { Model } from '../ir/model.js';
import { embed } from '../passes/exits/embed.js';
import { likeOutput } from '../passes/exits/scores.js';
import { type Exit, findRowAxes } from '../passes/exits/stages.js';
import type { ScoreForm } from '../passes/exits/uncertainty.js';
import { costsOf, OPSET, plainCopy } from './adapt-flat.js';
import { type InputConversion, planInputs } from './adapt-inputs.js';
import type { AdaptOptions } from './adapt-options.js';
import { type Companion, matchClasses, openCompanion } from './companion.js';
import type { CommandContext } from './context.js';
import { scoreKindOf } from './score-kind.js';
import { latencyFeeds } from './verify.js';
import type { Workbench } from './workbench.js';
import type { Contender } from './write-and-judge.js';

/** Models that run before a larger one, and what they have to do with it. */
export interface Cascade {
  small: Companion[];
  model: ExitModel;
  warnings: string[];
}

/** What the model is called that the others run before. */
const LARGE = 'the last model';

/**
 * Puts models into one graph, in which each gives scores of its own.
 * @param data samples as the last model takes them.
 * @throws UserError where classes differ, inputs do not follow from those of the last model, or operator sets cannot be aligned
 */
export async function openCascade(
  bench: Workbench,
  data: TaskData,
  options: AdaptOptions,
  context: CommandContext,
): Promise<Cascade> {
  const small: Companion[] = [];
  for (const path of options.cascade) small.push(await openCompanion(path, bench.path, options, context));
  const form: ScoreForm = {
    kind: data.kind,
    probabilities: (await kindOf(bench, data)) === 'probabilities',
    width: data.kind === 'binary' ? 1 : data.labels.classes.length,
  };
  const opset = Math.max(OPSET, ...[bench, ...small.map((one) => one.bench)].map(({ model }) => model.opset));
  const flat = await plainCopy(bench.model, opset);
  const axes = await findRowAxes(flat);
  const names = exitNames([...small.map((one) => one.bench.path), bench.path]);
  const exits: Exit[] = [];
  const warnings: string[] = [];
  for (const [k, companion] of small.entries()) {
    const own = await companion.open(data.dataset);
    const order = matchClasses(data, own, companion, LARGE);
    const plan = await planInputs({ bench, data }, { bench: companion.bench, data: own }, options.seed);
    warnings.push(...plan.notes);
    const guest = await plainCopy(companion.bench.model, opset);
    checkDomains(flat, guest);
    const value = place(flat, guest, plan.convert, names[k]!)(own.output);
    const probabilities = (await kindOf(companion.bench, own)) === 'probabilities';
    const scores = likeOutput(flat, { value, probabilities, order }, data.output, form, axes);
    exits.push({ name: names[k]!, scores, temperature: 1 });
  }
  exits.push({ name: names.at(-1)!, scores: data.output, temperature: 1 });
  flat.graph.sort();
  const [sample] = await latencyFeeds(bench, data);
  const costs = await costsOf(flat, exits, bench.model, sample!);
  return {
    small,
    model: { flat, exits, form, costs: costs.shares, own: costs.own },
    warnings: [...warnings, ...costs.warnings],
  };
}

const kindOf = (bench: Workbench, data: TaskData) => scoreKindOf(bench, data, [...Array(data.dataset.size).keys()]);

function place(flat: Model, guest: Model, convert: InputConversion, name: string): (value: string) => string {
  return embed(flat, guest, convert(new Emitter(flat, `${name}/inputs`)), name);
}

/** @throws UserError where operators of another domain are of different versions */
function checkDomains(host: Model, guest: Model): void {
  for (const [domain, version] of guest.opsets) {
    const other = host.opsets.get(domain);
    if (other === undefined || other === version) continue;
    throw new UserError(`uses version ${version} of the operators of ${domain || 'ONNX'}, ${LARGE} version ${other}`, {
      file: guest.source?.path,
      mend: 'export both with the same versions',
    });
  }
}

/** Names of models by their files, or by their folders where files have the same name. */
function exitNames(paths: readonly string[]): string[] {
  const files = paths.map((path) => basename(path).replace(/\.onnx$/i, ''));
  const named = new Set(files).size === files.length ? files : paths.map((path) => basename(dirname(path)) || path);
  return named.map((name, k) => (named.indexOf(name) === k ? name : `${name}-${k + 1}`));
}

/** The smaller models as they stand beside the result in a report. */
export async function smallContenders(
  { small }: Cascade,
  inputs: TaskData,
  test: TaskData | undefined,
): Promise<Contender[]> {
  return Promise.all(
    small.map(async (companion, k) => {
      const { bench } = companion;
      const own = test && (await companion.open(test.dataset));
      const ownInputs = await companion.open(inputs.dataset);
      const classOrder = matchClasses(test ?? inputs, own ?? ownInputs, companion, LARGE);
      return {
        role: k ? `small-${k + 1}` : 'small',
        path: bench.path,
        model: bench.model,
        own: { bench, test: own, inputs: ownInputs, classOrder },
      };
    }),
  );
}
