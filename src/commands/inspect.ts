import { z } from 'zod';
import { EXIT } from '../errors.js';
import { readModel } from '../onnx/read.js';
import { packageVersion, toolVersion } from '../version.js';
import type { CommandContext } from './context.js';
import { renderInspection } from './inspect-view.js';
import { type Inspection, inspectModel } from './inspection.js';
import { displayShape, namedSizes } from './schemas.js';

/** What `nncompress inspect` takes besides the model. */
export const options = z.object({
  shape: z.array(namedSizes()).default([]),
  json: z.boolean().default(false),
  ...displayShape,
});

/** Shows what a model consists of, what it costs and what can be compressed. */
export async function run(
  path: string,
  { shape, json }: z.output<typeof options>,
  { print, color, width }: CommandContext,
): Promise<number> {
  const inspection = await inspectModel(readModel(path), shape);
  print(json ? JSON.stringify(toJson(inspection), null, 2) : renderInspection(inspection, color, width).join('\n'));
  return EXIT.ok;
}

/** The keys that reports have, and inspect's own beside them. */
function toJson({ path, bytes, cost, ...rest }: Inspection): object {
  const { parameters, macs, operators, shapes, unknown } = cost;
  return {
    schemaVersion: 1,
    tool: {
      name: 'nncompress',
      version: toolVersion(),
      onnxruntime: packageVersion('onnxruntime-node'),
      node: process.versions.node,
    },
    command: 'inspect',
    models: [
      {
        role: 'original',
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
