import type { Graph } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import { copyMessage, type NodeProto, type StringEntry } from './messages.js';

/** Keys of what PyTorch's exporter tells of where things came from: stack traces, classes, names in its own graph. */
const EXPORTER_KEYS = /^(pkg\.(torch|onnxscript)\.|namespace$)/;

/**
 * A copy of a model without the text that exporters leave for debugging: metadata of PyTorch's exporter in graphs, nodes
 * and values, and the `doc_string` of nodes. Nothing reads it at run time. The model's own metadata stays.
 * @returns the model itself where it holds no such text, and the bytes of the text.
 */
export function withoutDebuggingText(model: Model): { model: Model; bytes: number } {
  const copy = model.clone();
  let bytes = 0;
  const strip = (part: Graph | Node | Graph['outputs'][number], isNode = false) => {
    const found = textIn(part.origin as NodeProto | undefined, isNode);
    if (!found) return;
    bytes += found;
    part.origin = stripped(part.origin as NodeProto, isNode);
  };
  for (const graph of copy.graph.walk()) {
    strip(graph);
    for (const info of [...graph.inputs, ...graph.outputs, ...graph.valueInfos.values()]) strip(info);
    for (const node of graph.nodes) strip(node, true);
  }
  return bytes ? { model: copy, bytes } : { model, bytes };
}

/** Bytes of the text for debugging in a message. */
function textIn({ doc_string = '', metadata_props = [] }: NodeProto = {}, isNode: boolean): number {
  const texts = metadata_props.filter(isExporters).flatMap(({ key = '', value = '' }) => [key, value]);
  if (isNode) texts.push(doc_string);
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

function stripped(origin: NodeProto, isNode: boolean): NodeProto {
  const copy = copyMessage(origin);
  if (isNode) delete copy.doc_string;
  if (copy.metadata_props) copy.metadata_props = copy.metadata_props.filter((entry) => !isExporters(entry));
  return copy;
}

const isExporters = ({ key = '' }: StringEntry) => EXPORTER_KEYS.test(key);
