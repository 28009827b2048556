import { describe, expect, it } from 'vitest';
import { withoutDebuggingText } from '../../src/onnx/debugging-text.js';
import { decodeModelProto, encodeModelProto, type StringEntry } from '../../src/onnx/messages.js';
import { modelFromProto } from '../../src/onnx/read.js';
import { parseModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';

const entries = (props: Record<string, string>): StringEntry[] =>
  Object.entries(props).map(([key, value]) => ({ key, value }));

/** A model with text for debugging wherever exporters put it, and a node in a branch. */
function exported() {
  const plain = parseModel(`<ir_version: 10, opset_import: ["" : 17]>
    net (bool c, float[2] x) => (float[2] y) { y = If(c) <
      then_branch = yes () => (float[2] a) { a = Relu(x) }, else_branch = no () => (float[2] b) { b = Neg(x) }> }`);
  const proto = decodeModelProto(encodeModel(plain));
  proto.metadata_props = entries({ 'pkg.torch.mine': 'kept', author: 'someone' });
  proto.doc_string = 'A model.';
  const { graph } = proto;
  graph!.metadata_props = entries({ 'pkg.torch.export.ExportedProgram.graph_signature': 'sig' });
  graph!.output![0]!.metadata_props = entries({ 'pkg.torch.onnx.original_node_name': 'relu' });
  const node = graph!.node![0]!;
  node.doc_string = 'train.py:12';
  node.metadata_props = entries({ namespace: 'root/0', layer_ann: 'gpu' });
  node.attribute![0]!.g!.node![0]!.metadata_props = entries({
    'pkg.torch.onnx.stack_trace': 'File "train.py", line 3',
  });
  return modelFromProto(decodeModelProto(encodeModelProto(proto)), 'net.onnx');
}

describe('withoutDebuggingText', () => {
  const { model, bytes } = withoutDebuggingText(exported());
  const proto = decodeModelProto(encodeModel(model));

  it('leaves out what the exporter noted of graphs, nodes and values, in subgraphs too', () => {
    expect(new TextDecoder().decode(encodeModel(model))).not.toMatch(
      /stack_trace|train\.py|namespace|signature|original/,
    );
    const pairs = [
      'pkg.torch.export.ExportedProgram.graph_signature',
      'sig',
      'pkg.torch.onnx.original_node_name',
      'relu',
    ];
    const others = ['train.py:12', 'namespace', 'root/0', 'pkg.torch.onnx.stack_trace', 'File "train.py", line 3'];
    expect(bytes).toBe([...pairs, ...others].join('').length);
  });
  it('keeps the metadata of the model, and what others noted of nodes', () => {
    expect(proto.doc_string).toBe('A model.');
    expect(Object.fromEntries(model.metadata)).toEqual({ 'pkg.torch.mine': 'kept', author: 'someone' });
    expect(proto.graph!.node![0]!.metadata_props).toMatchObject([{ key: 'layer_ann', value: 'gpu' }]);
  });
  it('gives back the same model where there is no such text', () => {
    expect(withoutDebuggingText(model)).toEqual({ model, bytes: 0 });
    expect(withoutDebuggingText(model).model).toBe(model);
  });
});
