import { dirname } from 'node:path';
import { arraysPreprocessor } from './arrays-preprocessor.js';
import type { AudioOptions } from './audio-options.js';
import { createAudioPreprocessor } from './audio-preprocessor.js';
import { type JsonFile, readJsonBeside } from './beside.js';
import { type ImageOptions, imagePreprocessor } from './image-preprocessor.js';
import { createTextPreprocessor, type TextOptions } from './text-preprocessor.js';
import type { InputSpec, Preprocessor, SampleKind } from './types.js';

/** What the user says about preprocessing, by kind of data. */
export interface PreprocessingOptions {
  image?: ImageOptions;
  text?: TextOptions;
  audio?: AudioOptions;
  /** What stands for the preprocessor_config.json beside the model. */
  config?: JsonFile | undefined;
  /** True where the model scales pixels itself: they are given as they are where nothing else is said. */
  rawPixels?: boolean | undefined;
}

/**
 * The preprocessing that a model needs for a kind of data: as the files beside the model say, overridden by options.
 * @throws UserError where neither says enough, or the model's inputs do not fit the kind
 */
export async function createPreprocessor(
  kind: SampleKind,
  modelPath: string,
  inputs: readonly InputSpec[],
  options: PreprocessingOptions = {},
): Promise<Preprocessor> {
  const folder = dirname(modelPath);
  switch (kind) {
    case 'image': {
      const config = options.config ?? (await readJsonBeside(folder, 'preprocessor_config.json'));
      return imagePreprocessor(inputs, config, options.image, options.rawPixels);
    }
    case 'text':
      return createTextPreprocessor(folder, inputs, options.text);
    case 'audio':
      return createAudioPreprocessor(folder, inputs, options.audio, options.config);
    case 'arrays':
      return arraysPreprocessor(inputs);
  }
}
