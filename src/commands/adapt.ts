import { UserError } from '../errors.js';
import type { Report } from '../report/schema.js';
import { adaptDomain } from './adapt-domain.js';
import { adaptByExits } from './adapt-exits.js';
import { type AdaptOptions, adaptOptions } from './adapt-options.js';
import { adaptSlim } from './adapt-slim.js';
import type { CommandContext } from './context.js';
import { finish } from './finish.js';
import { resolveModelPath } from './model-path.js';
import { checkReportPaths } from './reports.js';

export { adaptOptions as options };

/** Adapts a model, and shows what that did. */
export async function run(path: string, options: AdaptOptions, context: CommandContext): Promise<number> {
  return finish(await adapt(path, options, context), options, context);
}

/** Adapts a model in the one way that options ask for, and reports what that did. */
export async function adapt(given: string, options: AdaptOptions, context: CommandContext): Promise<Report> {
  const path = resolveModelPath(given);
  checkReportPaths(options);
  const ways = [
    { flag: '--cascade', isAsked: options.cascade.length > 0, run: adaptByExits },
    { flag: '--early-exit', isAsked: options.earlyExit, run: adaptByExits },
    { flag: '--domain', isAsked: options.domain !== undefined, run: adaptDomain },
    { flag: '--slim', isAsked: options.slim.length > 0, run: adaptSlim },
  ].filter(({ isAsked }) => isAsked);
  const [way, other] = ways;
  checkOld(options);
  checkJoint(options);
  if (!way)
    throw new UserError('nothing says how to adapt the model', {
      file: path,
      mend: 'name a smaller model to run before it with --cascade, have exits added with --early-exit, name samples of a new domain with --domain, or widths with --slim',
    });
  if (other)
    throw new UserError(`${way.flag} is asked for, too`, { file: other.flag, mend: 'take one after the other' });
  if (options.resume && way.run === adaptByExits && !options.joint)
    throw new UserError(`${way.flag} leaves nothing to go on from`, {
      file: '--resume',
      mend: 'start anew without it',
    });
  return way.run(path, options, context);
}

/** @throws UserError where a model is to be trained with its exits, or on changed samples, and none is */
function checkJoint({ joint, earlyExit, slim, augment }: AdaptOptions): void {
  if (joint && !earlyExit)
    throw new UserError('trains a model together with its exits, and none are added', {
      file: '--joint',
      mend: 'add --early-exit',
    });
  if (augment === 'none' || joint || slim.length) return;
  throw new UserError('changes samples that a whole model learns from, and none does', {
    file: '--augment',
    mend: earlyExit ? 'add --joint, or leave it out' : 'leave it out',
  });
}

/** @throws UserError where the old domain is told of, and no new one */
function checkOld({ domain, source, sourceTest }: AdaptOptions): void {
  const alone = source !== undefined ? '--source' : sourceTest !== undefined ? '--source-test' : undefined;
  if (domain !== undefined || !alone) return;
  throw new UserError('tells of the old domain, and no new one is given', {
    file: alone,
    mend: 'name samples of it with --domain',
  });
}
