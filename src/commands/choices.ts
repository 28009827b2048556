export { LAUNCHERS } from '../parallel/world.js';

/** Words that options take. Kept apart from the schemas so that `--help` need not load them. */
export const DEVICES = ['cpu', 'cuda', 'webgpu', 'auto'] as const;
export const METHODS = ['auto', 'static', 'dynamic', 'int8-weights', 'int4-weights', 'fp16'] as const;
export const PREFERENCES = ['speed', 'size'] as const;
export const CALIBRATION_METHODS = ['minmax', 'percentile', 'mse', 'entropy'] as const;
export const TARGETS = ['cpu', 'cpu-portable', 'cuda', 'webgpu'] as const;
export const INTERPOLATIONS = ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos'] as const;
export const RESIZE_MODES = ['stretch', 'crop', 'pad'] as const;
export const CHANNEL_ORDERS = ['rgb', 'bgr', 'gray'] as const;
export const PADDINGS = ['longest', 'max'] as const;
export const FEATURES = ['waveform', 'log-mel'] as const;
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export const OPTIMIZERS = ['sgd', 'adam', 'adamw'] as const;
export const SCHEDULES = ['constant', 'cosine', 'linear', 'one-cycle', 'step'] as const;
export const CLASS_WEIGHTS = ['none', 'balanced'] as const;
export const BATCH_NORMS = ['train', 'frozen', 'restore'] as const;
export const HINT_KINDS = ['features', 'attention-maps', 'relations', 'hidden-states', 'attentions'] as const;
export const DISTILLATION_LOSSES = ['auto', 'kd', 'dkd'] as const;
export const UNCERTAINTIES = ['auto', 'max-probability', 'margin', 'entropy'] as const;
export const DOMAIN_FITS = ['auto', 'statistics', 'entropy', 'both'] as const;
export const CRITERIA_NAMES = [
  'reconstruction',
  'l1',
  'l2',
  'batch-norm',
  'activation',
  'zeros',
  'taylor',
  'fisher',
  'random',
] as const;
export const IMPORTANCES = [...CRITERIA_NAMES, 'magnitude', 'lamp', 'effect', 'even'] as const;
export const SCOPES = ['global', 'layer'] as const;
export const STUDENTS = [
  'cnn',
  'ds-cnn',
  'resnet',
  'textcnn',
  'gru',
  'lstm',
  'transformer',
  'kws',
  'wave-cnn',
  'mlp',
] as const;
export const STUDENT_SIZES = ['small', 'base'] as const;
