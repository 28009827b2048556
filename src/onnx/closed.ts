import type { Model } from '../ir/model.js';
import { copyMessage, type Message, type ModelProto, type TensorProto } from './messages.js';

/** The parts of a model's messages that the graph model leaves closed and that can hold tensors. */
export function* closedParts(model: Model): Generator<unknown> {
  yield (model.origin as ModelProto | undefined)?.training_info;
  for (const fn of model.functions) yield fn.origin;
  for (const graph of model.graph.walk()) {
    for (const node of graph.nodes)
      for (const attribute of node.attributes.values()) if (attribute.kind === 'other') yield attribute.origin;
  }
}

/** Every tensor inside a message whose data lies in another file. */
export function* externalTensorsIn(message: unknown): Generator<TensorProto> {
  if (typeof message !== 'object' || !message || ArrayBuffer.isView(message)) return;
  if ((message as TensorProto).data_location === 1) yield message as TensorProto;
  else for (const part of Object.values(message)) yield* externalTensorsIn(part);
}

/** A message with its external tensors replaced; the message itself where it holds none. */
export function replaceExternal<T>(message: T, replace: (tensor: TensorProto) => TensorProto): T {
  if (externalTensorsIn(message).next().done) return message;
  if (Array.isArray(message)) return message.map((item) => replaceExternal(item, replace)) as T;
  if ((message as TensorProto).data_location === 1) return replace(message as TensorProto) as T;
  const copy = copyMessage(message as Message) as Record<string, unknown>;
  for (const [key, part] of Object.entries(copy)) copy[key] = replaceExternal(part, replace);
  return copy as T;
}
