import { Command } from 'commander';
import { z } from 'zod';
import { adaptArguments } from './adapt-arguments.js';
import {
  compareArguments,
  distillArguments,
  evaluateArguments,
  finetuneArguments,
  quantizeArguments,
} from './arguments.js';
import { configSchema } from './config-schema.js';
import type { JobName } from './jobs.js';
import { pruneArguments } from './prune-arguments.js';

/** A part of a JSON Schema, as far as descriptions are added to it. */
interface Part {
  description?: string;
  properties?: Record<string, Part>;
  items?: { oneOf?: Part[] };
  const?: string;
  [key: string]: unknown;
}

const ARGUMENTS: Readonly<Record<JobName, (command: Command) => Command>> = {
  quantize: quantizeArguments,
  prune: pruneArguments,
  finetune: finetuneArguments,
  distill: distillArguments,
  adapt: adaptArguments,
  evaluate: evaluateArguments,
  compare: compareArguments,
};

/** The JSON Schema of config files (draft 2020-12), for editors. Options are described as in `--help`. */
export function configJsonSchema(): object {
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as Part;
  const texts = Object.fromEntries(
    Object.entries(ARGUMENTS).map(([name, declare]) => [name, optionTexts(declare(new Command(name)))]),
  );
  const { defaults, jobs } = schema.properties!;
  describe(defaults!, Object.assign({}, ...Object.values(texts)));
  for (const job of jobs!.items!.oneOf!) describe(job, texts[job.properties!.command!.const!]!);
  return { $schema: schema.$schema, title: 'Config file of nncompress', ...schema };
}

/** The help of each option by its key; that of an option that turns something off is told of its value false. */
function optionTexts(command: Command): Record<string, string> {
  const texts = command.options.map((option) => [
    option.attributeName(),
    option.negate ? `false: ${option.description}` : option.description,
  ]);
  return Object.fromEntries(texts);
}

function describe(part: Part, texts: Readonly<Record<string, string>>): void {
  for (const [key, property] of Object.entries(part.properties ?? {})) {
    if (texts[key] !== undefined) property.description = texts[key];
    if (key === 'gates') describe(property, texts);
  }
}
