import { cnn } from './cnn.js';
import type { StudentInput } from './input.js';
import { keywordSpotting } from './keyword-spotting.js';
import { mlp } from './mlp.js';
import { gru, lstm } from './recurrent.js';
import { resnet } from './resnet.js';
import { separable } from './separable.js';
import type { StudentTemplate } from './template.js';
import { textCnn } from './textcnn.js';
import { transformer } from './transformer.js';
import { waveform } from './waveform.js';

/** Every template, those first that are the first choice for what they take. */
export const TEMPLATES: readonly StudentTemplate[] = [
  cnn,
  separable,
  resnet,
  textCnn,
  gru,
  lstm,
  transformer,
  keywordSpotting,
  waveform,
  mlp,
];

/** The templates that take an input. */
export const templatesFor = (kind: StudentInput['kind']): StudentTemplate[] =>
  TEMPLATES.filter(({ suits }) => suits.includes(kind));
