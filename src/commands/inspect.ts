import { z } from 'zod';
import { EXIT } from '../errors.js';
import { readModel } from '../onnx/read.js';
import { packageVersion, toolVersion } from '../version.js';
import type { CommandContext } from './context.js';
import { renderInspection } from './inspect-view.js';
import { type Inspection, inspectModel } from './inspection.js';
import { resolveModelPath } from './model-path.js';
import { displayShape } from './option-shapes.js';
import { exact, flag, namedSizes } from './option-values.js';

/** What `nncompress inspect` takes besides the model. */
export const options = exact({
  shape: z.array(namedSizes()).default([]),
  gradients: flag().default(false),
  channels: flag().default(false),
  json: flag().default(false),
  ...displayShape,
});

/** What a model consists of, in the keys of reports. */
export type InspectionReport = ReturnType<typeof toJson>;

/** Finds out what a model consists of, what it costs and what can be compressed. */
export async function inspect(
  path: string,
  { shape, ...asked }: Pick<z.output<typeof options>, 'shape' | 'gradients' | 'channels'>,
): Promise<InspectionReport> {
  return toJson(await inspectModel(readModel(resolveModelPath(path)), shape, asked));
}

/** Shows what a model consists of, what it costs and what can be compressed. */
export async function run(
  path: string,
  { shape, json, ...asked }: z.output<typeof options>,
  { print, color, width }: CommandContext,
): Promise<number> {
  const inspection = await inspectModel(readModel(resolveModelPath(path)), shape, asked);
  print(json ? JSON.stringify(toJson(inspection), null, 2) : renderInspection(inspection, color, width).join('\n'));
  return EXIT.ok;
}

/** The keys that reports have, and inspect's own beside them. */
function toJson({ path, bytes, cost, ...rest }: Inspection) {
  const { parameters, macs, operators, shapes, unknown } = cost;
  return {
    schemaVersion: 1 as const,
    tool: {
      name: 'nncompress',
      version: toolVersion(),
      onnxruntime: packageVersion('onnxruntime-node'),
      node: process.versions.node,
    },
    command: 'inspect' as const,
    models: [
      {
        role: 'original' as const,
        path,
        bytes,
        parameters,
        macs,
        operators: Object.fromEntries(operators.map(({ type, count }) => [type, count])),
      },
    ],
    inspection: { ...rest, shapes: Object.fromEntries(shapes), operators, macsUnknown: unknown },
  };
}
