import { inferValueTypes } from '../../analysis/value-types.js';
import type { Model } from '../../ir/model.js';
import { cleanupPasses, matMulAddToGemm } from '../cleanup/index.js';
import { upgradeOpset } from '../opset-upgrade/upgrade-opset.js';
import { type PassRecord, runPasses } from '../pass.js';
import { type Survey, surveyModel } from './plan.js';
import { clampsFirst, meanToPool } from './prepare.js';

/** Lowest operator set with per-channel DequantizeLinear. */
const PER_CHANNEL_OPSET = 13;

/** A model brought to the form that integer kernels want, and what is in it. */
export interface PreparedModel {
  model: Model;
  survey: Survey;
  isFloat32(value: string): boolean;
  isFloat16(value: string): boolean;
  passes: PassRecord[];
}

/** Cleans a copy of a model up and brings it to the operator set and the operators that have integer kernels. */
export async function prepareForQuantization(original: Model): Promise<PreparedModel> {
  const model = original.clone();
  const upgrade = model.opset < PER_CHANNEL_OPSET ? [upgradeOpset(PER_CHANNEL_OPSET)] : [];
  const passes = await runPasses(model, [...upgrade, ...cleanupPasses, matMulAddToGemm, meanToPool, clampsFirst]);
  const types = await inferValueTypes(model);
  return {
    model,
    survey: surveyModel(model),
    isFloat32: (value) => types.get(value)?.type === 'float32',
    isFloat16: (value) => types.get(value)?.type === 'float16',
    passes,
  };
}
