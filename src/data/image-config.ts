import { z } from 'zod';
import { UserError } from '../errors.js';
import type { JsonFile } from './beside.js';
import { contain, cover, crop, type ImageStep, type Size, stretch } from './image-steps.js';
import { type Filter, PIL_FILTERS } from './resize.js';

/** What a configuration file says about images. */
export interface ImageConfig {
  steps: ImageStep[];
  /** Factor of the pixels 0…255; 1 leaves them. */
  scale: number;
  /** Subtracted after scaling. */
  offset: number;
  /** Per channel, or one for all. */
  mean: readonly number[];
  std: readonly number[];
  bgr: boolean;
  convertRgb: boolean;
  /** What of it is left out, and why. */
  notes: string[];
}

const pixels = z.number().int().positive();
const perChannel = z.union([z.number().transform((value) => [value]), z.array(z.number()).min(1)]);
const size = z.union([
  pixels,
  z.tuple([pixels, pixels]).transform(([height, width]) => ({ height, width })),
  z.strictObject({ height: pixels, width: pixels }),
  z.strictObject({ shortest_edge: pixels, longest_edge: pixels.nullish() }),
  z.strictObject({ longest_edge: pixels }),
]);
const filter = z.union([
  z
    .number()
    .int()
    .min(0)
    .max(5)
    .transform((code) => PIL_FILTERS[code]!),
  z.enum(['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos']),
]);
const flag = z.boolean().nullish();

/** The fields of Hugging Face's image processors that say what is done to pixels. */
const hfSchema = z.object({
  image_processor_type: z.string().nullish(),
  feature_extractor_type: z.string().nullish(),
  do_resize: flag,
  size: size.nullish(),
  resample: filter.nullish(),
  do_center_crop: flag,
  crop_size: size.nullish(),
  crop_pct: z.number().positive().nullish(),
  do_rescale: flag,
  rescale_factor: z.number().nullish(),
  rescale_offset: flag,
  do_normalize: flag,
  image_mean: perChannel.nullish(),
  image_std: perChannel.nullish(),
  do_convert_rgb: flag,
  do_flip_channel_order: flag,
  do_pad: flag,
});

/** timm's `pretrained_cfg`. */
const timmSchema = z.object({
  input_size: z.tuple([pixels, pixels, pixels]),
  interpolation: filter.default('bicubic'),
  crop_pct: z.number().positive().default(0.875),
  crop_mode: z.enum(['center', 'squash']).default('center'),
  mean: perChannel,
  std: perChannel,
});

type HfConfig = z.infer<typeof hfSchema>;

/** Processors for which a bare number is the shorter edge; for the others it is both edges. */
const SHORTER_EDGE = /CLIP|ConvNext|Levit|PoolFormer|MobileNet|MobileViT|Bit|SigLIP|Perceiver/i;
/** LeViT resizes to 256/224 of the size that it crops. */
const LEVIT = /Levit/i;

/**
 * Reads the content of a `preprocessor_config.json` (Hugging Face) or a config with timm's `pretrained_cfg`.
 * @param modelSize the size that the model takes, used where the file gives none
 * @throws UserError naming the field that is malformed or not understood
 */
export function readImageConfig({ path: file, value: record }: JsonFile, modelSize: Size | undefined): ImageConfig {
  if ('sampling_rate' in record) {
    throw new UserError('describes audio, the data are images', { file, mend: 'give the data that the model takes' });
  }
  if ('pretrained_cfg' in record) return timmConfig(check(file, timmSchema, record.pretrained_cfg));
  return hfConfig(file, check(file, hfSchema, record), modelSize);
}

function check<Out>(file: string, schema: z.ZodType<Out>, content: unknown): Out {
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new UserError(`is not understood: ${issue?.message ?? ''}`, {
    file,
    where: issue?.path.join('.') || undefined,
  });
}

function timmConfig(config: z.infer<typeof timmSchema>): ImageConfig {
  const [, height, width] = config.input_size;
  const shrunk = (length: number) => Math.floor(length / config.crop_pct);
  const covering = { height: shrunk(height), width: shrunk(width) };
  const steps =
    config.crop_mode === 'squash'
      ? [stretch(covering, config.interpolation), crop({ height, width }, 'half-even')]
      : [cover(covering, config.interpolation), crop({ height, width }, 'half-even')];
  const { mean, std } = config;
  return { steps, scale: 1 / 255, offset: 0, mean, std, bgr: false, convertRgb: false, notes: [] };
}

function hfConfig(file: string, config: HfConfig, modelSize: Size | undefined): ImageConfig {
  const normalize = config.do_normalize ?? config.image_mean != null;
  if (normalize && !(config.image_mean && config.image_std)) {
    throw new UserError('do_normalize needs image_mean and image_std', { file, mend: 'add them, or set it to false' });
  }
  return {
    steps: [...resizeSteps(file, config, modelSize), ...cropSteps(config, modelSize)],
    scale: (config.do_rescale ?? true) ? (config.rescale_factor ?? 1 / 255) : 1,
    offset: config.rescale_offset ? 1 : 0,
    mean: normalize ? config.image_mean! : [0],
    std: normalize ? config.image_std! : [1],
    bgr: config.do_flip_channel_order ?? false,
    convertRgb: config.do_convert_rgb ?? false,
    notes: config.do_pad ? ['do_pad left out: images of one size need no padding'] : [],
  };
}

function resizeSteps(file: string, config: HfConfig, modelSize: Size | undefined): ImageStep[] {
  if (!(config.do_resize ?? config.size != null)) return [];
  const type = config.image_processor_type ?? config.feature_extractor_type ?? '';
  const filter: Filter = config.resample ?? 'bilinear';
  const wanted = config.size ?? modelSize;
  if (wanted == null) throw new UserError('do_resize needs a size', { file, mend: 'add one, or set it to false' });
  const given =
    typeof wanted !== 'number' ? wanted : SHORTER_EDGE.test(type) ? { shortest_edge: wanted } : square(wanted);
  if ('shortest_edge' in given) {
    const edge = given.shortest_edge;
    if (config.crop_pct != null || /ConvNext/i.test(type)) return convNextSteps(config, edge, filter);
    const length = LEVIT.test(type) ? Math.trunc((256 / 224) * edge) : edge;
    return [cover(square(length), filter, ('longest_edge' in given && given.longest_edge) || undefined)];
  }
  return 'longest_edge' in given ? [contain(square(given.longest_edge), filter)] : [stretch(given, filter)];
}

/** ConvNeXt's way (and PoolFormer's, which crops on its own): enlarge by crop_pct, then crop; from 384 on, stretch. */
function convNextSteps(config: HfConfig, edge: number, filter: Filter): ImageStep[] {
  const enlarged = cover(square(Math.trunc(edge / (config.crop_pct ?? 224 / 256))), filter);
  if (config.do_center_crop) return [enlarged];
  return edge < 384 ? [enlarged, crop(square(edge), 'floor')] : [stretch(square(edge), filter)];
}

function cropSteps(config: HfConfig, modelSize: Size | undefined): ImageStep[] {
  if (!config.do_center_crop) return [];
  const wanted = config.crop_size ?? modelSize ?? config.size;
  if (typeof wanted === 'number') return [crop(square(wanted), 'floor')];
  if (wanted && 'height' in wanted) return [crop(wanted, 'floor')];
  return wanted && 'shortest_edge' in wanted ? [crop(square(wanted.shortest_edge), 'floor')] : [];
}

function square(edge: number): Size {
  return { height: edge, width: edge };
}
