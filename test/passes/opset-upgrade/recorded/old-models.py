"""Makes old-models.json: models in old operator sets with inputs and the outputs that ONNX Runtime gives for them.

    python old-models.py > old-models.json      (numpy, onnx, onnxruntime)
"""

import base64
import json

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.helper import make_node as node

random = np.random.default_rng(7)
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
IR = {7: 3, 8: 3, 9: 4, 10: 5, 11: 6, 12: 7, 18: 8, 17: 8, 19: 9}
cases = []


def value(array):
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    data = [float(str(v)) if array.dtype.kind == 'f' else int(v) for v in array.ravel()]
    return {'type': str(array.dtype), 'dims': list(array.shape), 'data': data}


def floats(*shape, dtype=np.float32):
    return random.standard_normal(shape).round(3).astype(dtype)


def case(name, opset, nodes, feeds, constants=None, outputs=('y',), dims=None, run_at=None):
    """`dims` declares other shapes than the feeds' (symbols); `constants` are initializers."""
    infos = [
        helper.make_tensor_value_info(
            k, helper.np_dtype_to_tensor_dtype(v.dtype), (dims or {}).get(k, list(v.shape)))
        for k, v in feeds.items()
    ]
    tensors = [numpy_helper.from_array(v, k) for k, v in (constants or {}).items()]
    if IR[opset] < 4:
        infos += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in tensors]
    results = [helper.make_empty_tensor_value_info(o) for o in outputs]
    graph = helper.make_graph(nodes, name, infos, results, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', opset)], ir_version=IR[opset])
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    # Types of outputs have to be on record in the file.
    for info, found in zip(graph.output, session.get_outputs()):
        kinds = {'tensor(float)': FLOAT, 'tensor(int64)': INT64, 'tensor(float16)': TensorProto.FLOAT16,
                 'tensor(double)': TensorProto.DOUBLE, 'tensor(bool)': TensorProto.BOOL}
        info.CopyFrom(helper.make_tensor_value_info(info.name, kinds[found.type], None))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', opset)], ir_version=IR[opset])
    results = session.run(list(outputs), feeds)
    cases.append({
        'name': name,
        'opset': opset,
        'model': base64.b64encode(model.SerializeToString()).decode(),
        'feeds': {k: value(v) for k, v in feeds.items()},
        'outputs': {k: value(np.asarray(v)) for k, v in zip(outputs, results)},
    })


x4 = {'x': floats(1, 2, 3, 4)}
x3 = {'x': floats(2, 3, 4)}
f = lambda *v: np.array(v, np.float32)

for opset in (7, 9, 10):
    for op in ('Softmax', 'LogSoftmax', 'Hardmax'):
        case(f'{op} over the last two axes', opset, [node(op, ['x'], ['y'])], x3)
case('Softmax of unknown rank', 11, [node('Reshape', ['x', 's'], ['r']), node('Softmax', ['r'], ['y'], axis=1)],
     {**x3, 's': np.array([3, 2, 4])}, dims={'s': ['n']})
case('Softmax over the last axis', 12, [node('Softmax', ['x'], ['y'], axis=2)], x3)
case('Softmax over a negative axis', 11, [node('Softmax', ['x'], ['y'], axis=-2)], x3)
case('Softmax over all axes', 11, [node('Softmax', ['x'], ['y'], axis=0)], {'x': floats(3, 2)})
case('Softmax over channels of one pixel', 9, [node('Softmax', ['x'], ['y'])], {'x': floats(2, 5, 1, 1)},
     dims={'x': ['n', 5, 1, 1]})
for mode in ('nearest', 'linear'):
    case(f'Upsample {mode} with attribute', 7, [node('Upsample', ['x'], ['y'], mode=mode, scales=[1.0, 1.0, 2.0, 3.0])], x4)
    case(f'Upsample {mode} by a fraction', 9, [node('Upsample', ['x', 's'], ['y'], mode=mode)], x4, {'s': f(1, 1, 1.5, 2.4)})
    case(f'Resize 10 {mode} larger', 10, [node('Resize', ['x', 's'], ['y'], mode=mode)], x4, {'s': f(1, 1, 2.7, 1.3)})
    case(f'Resize 10 {mode} smaller', 10, [node('Resize', ['x', 's'], ['y'], mode=mode)], {'x': floats(1, 1, 7, 9)}, {'s': f(1, 1, 0.6, 0.4)})
    case(f'Resize 10 {mode} mixed', 10, [node('Resize', ['x', 's'], ['y'], mode=mode)], {'x': floats(1, 1, 7, 5)}, {'s': f(1, 1, 0.6, 1.7)})
    case(f'Resize 10 {mode} by a fed scale', 10, [node('Resize', ['x', 's'], ['y'], mode=mode)],
         {'x': floats(1, 1, 7, 5), 's': f(1, 1, 0.4, 2.2)})
case('Upsample by a computed scale', 9, [node('Mul', ['s', 's'], ['t']), node('Upsample', ['x', 't'], ['y'])],
     {**x4, 's': f(1, 1, 2, 1)})
for mode, more in (('asymmetric', {'nearest_mode': 'floor'}), ('tf_half_pixel_for_nn', {'nearest_mode': 'floor'}),
                   ('half_pixel', {'mode': 'linear'}), ('pytorch_half_pixel', {'mode': 'cubic'}),
                   ('align_corners', {'mode': 'linear'}), ('half_pixel', {})):
    for scale in (f(1, 1, 2.3, 3), f(1, 1, 0.5, 0.7)):
        case(f'Resize 11 {mode} {more} {scale[2]:.1f}', 11,
             [node('Resize', ['x', 'r', 's'], ['y'], coordinate_transformation_mode=mode, **more)],
             {'x': floats(1, 1, 6, 5)}, {'r': f(), 's': scale})
case('Resize 11 to sizes', 11, [node('Resize', ['x', 'r', 's', 'z'], ['y'], mode='linear')], x4,
     {'r': f(), 's': f(), 'z': np.array([1, 2, 5, 7])})
case('Slice with axes', 9, [node('Slice', ['x'], ['y'], axes=[2, -1 % 4], starts=[1, -3], ends=[9223372036854775807, -1])], x4)
case('Slice without axes', 7, [node('Slice', ['x'], ['y'], starts=[0, 1], ends=[1, 2])], x4)
case('Clip', 7, [node('Clip', ['x'], ['y'], min=-0.5, max=0.25)], x4)
case('Clip from below', 9, [node('Clip', ['x'], ['y'], min=0.1)], x4)
case('Clip from above', 10, [node('Clip', ['x'], ['y'], max=0.1)], x4)
case('Clip without limits', 10, [node('Clip', ['x'], ['y'])], x4)
case('Clip in float16', 7, [node('Cast', ['x'], ['h'], to=TensorProto.FLOAT16), node('Clip', ['h'], ['c'], min=0.125),
                            node('Cast', ['c'], ['y'], to=FLOAT)], {'x': f(-1, 0.0625, 0.125, 0.5)})
for mode in ('constant', 'reflect', 'edge'):
    case(f'Pad {mode}', 7, [node('Pad', ['x'], ['y'], mode=mode, pads=[0, 0, 1, 2, 0, 0, 0, 3], value=1.5)], x4)
case('Pad with zeros and crop', 10, [node('Pad', ['x'], ['y'], pads=[0, 0, -1, 2, 0, 0, 0, -1])], x4)
case('TopK', 7, [node('TopK', ['x'], ['y', 'i'], k=2)], x4, outputs=('y', 'i'))
case('TopK along an axis', 10, [node('TopK', ['x', 'k'], ['y', 'i'], axis=1)], x4, {'k': np.array([1])}, outputs=('y', 'i'))
case('Dropout', 7, [node('Dropout', ['x'], ['y'], ratio=0.3)], x4)
case('Dropout', 10, [node('Dropout', ['x'], ['y'])], x4)
case('BatchNormalization', 7, [node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], ['y'], epsilon=1e-3, spatial=1)], x4,
     {'s': f(1, 2), 'b': f(3, 4), 'm': f(0.1, 0.2), 'v': f(1, 0.5)})
case('BatchNormalization', 9, [node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], ['y'], momentum=0.8)], x4,
     {'s': f(1, 2), 'b': f(3, 4), 'm': f(0.1, 0.2), 'v': f(1, 0.5)})
for op in ('ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceL2', 'ReduceLogSumExp', 'ReduceProd', 'ReduceSumSquare', 'ReduceL1'):
    case(f'{op} along axes', 7, [node(op, ['x'], ['y'], axes=[1, 3], keepdims=0)], x4)
    case(f'{op} along all axes', 11, [node(op, ['x'], ['y'])], x4)
case('Squeeze and Unsqueeze', 7, [node('Squeeze', ['x'], ['q'], axes=[0]), node('Unsqueeze', ['q'], ['y'], axes=[0, 3])], x4)
case('Squeeze of all axes', 11, [node('Squeeze', ['x'], ['y'])], {'x': floats(1, 3, 1)})
case('Unsqueeze from behind', 12, [node('Unsqueeze', ['x'], ['y'], axes=[-1])], x4)
case('Split in equal parts', 7, [node('Split', ['x'], ['y', 'z'], axis=3)], x4, outputs=('y', 'z'))
case('Split by sizes', 11, [node('Split', ['x'], ['y', 'z'], axis=-1, split=[1, 3])], x4, outputs=('y', 'z'))
case('Scatter', 9, [node('Scatter', ['x', 'i', 'u'], ['y'], axis=1)], {'x': floats(2, 4)},
     {'i': np.array([[1], [3]]), 'u': f(9, 8).reshape(2, 1)})
case('OneHot', 9, [node('OneHot', ['i', 'd', 'v'], ['y'])], {'i': np.array([0, 2, 5])}, {'d': np.array(4), 'v': f(0, 1)})
case('RoiAlign', 10, [node('RoiAlign', ['x', 'r', 'i'], ['y'], output_height=2, output_width=2, spatial_scale=0.5)],
     {'x': floats(1, 1, 6, 6)}, {'r': f(1, 1, 9, 7).reshape(1, 4), 'i': np.array([0])})
for mode in ('bilinear', 'bicubic', 'nearest'):
    case(f'GridSample {mode}', 17, [node('GridSample', ['x', 'g'], ['y'], mode=mode)],
         {'x': floats(1, 1, 4, 4), 'g': (floats(1, 2, 3, 2) / 3).clip(-1, 1)})
case('GridSample by default', 17, [node('GridSample', ['x', 'g'], ['y'])], {'x': floats(1, 1, 4, 4), 'g': (floats(1, 2, 3, 2) / 3).clip(-1, 1)})
case('DFT', 17, [node('DFT', ['x'], ['y'])], {'x': floats(1, 5, 3, 1)})
case('DFT along an axis', 19, [node('DFT', ['x', 'n'], ['y'], axis=2, onesided=1)], {'x': floats(1, 3, 5, 1)}, {'n': np.array(4)})
for dims in ({}, {'x': ['n', 'c', 'l']}):
    case(f'GroupNormalization {dims}', 18, [node('GroupNormalization', ['x', 's', 'b'], ['y'], num_groups=2)],
         {'x': floats(2, 6, 3)}, {'s': f(1, 2), 'b': f(3, 4)}, dims=dims)
for op, gates in (('LSTM', 4), ('GRU', 3), ('RNN', 1)):
    case(op, 7, [node(op, ['x', 'w', 'r'], ['y'], hidden_size=2)], {'x': floats(3, 1, 2)},
         {'w': floats(1, gates * 2, 2), 'r': floats(1, gates * 2, 2)})
for opset in (7, 10, 11):
    case('AveragePool and MaxPool', opset, [node('AveragePool', ['x'], ['a'], kernel_shape=[2, 2], pads=[1, 0, 0, 1]),
         node('MaxPool', ['a'], ['y'], kernel_shape=[2, 3], auto_pad='SAME_LOWER')], {'x': floats(1, 2, 5, 6)})
case('AveragePool with ceil_mode', 10, [node('AveragePool', ['x'], ['y'], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)], {'x': floats(1, 1, 5, 5)})
case('QuantizeLinear and back', 10, [node('QuantizeLinear', ['x', 's', 'z'], ['q']), node('DequantizeLinear', ['q', 's', 'z'], ['y'])],
     x4, {'s': np.array(0.02, np.float32), 'z': np.array(128, np.uint8)})
case('LeakyRelu, PRelu, Pow, Gemm, Max and Sum', 7, [
    node('LeakyRelu', ['x'], ['a'], alpha=0.2), node('PRelu', ['a', 'p'], ['b']), node('Gemm', ['b', 'w', 'c'], ['g'], transB=1),
    node('Max', ['g', 'g'], ['m']), node('Sum', ['m', 'g'], ['n']), node('Pow', ['n', 'two'], ['y'])],
    {'x': floats(2, 3)}, {'p': f(0.5, 0.1, 0.2), 'w': floats(4, 3), 'c': floats(4), 'two': f(2)})


def body(name, nodes, inputs, outputs):
    return helper.make_graph(nodes, name, inputs, outputs)


def info(name, kind=FLOAT, shape=None):
    return helper.make_tensor_value_info(name, kind, shape)


case('If with old operators inside', 7, [
    node('Cast', ['c'], ['b'], to=TensorProto.BOOL),
    node('If', ['b'], ['y'],
         then_branch=body('then', [node('Clip', ['x'], ['p'], min=0.0), node('Softmax', ['p'], ['t'])], [], [info('t')]),
         else_branch=body('else', [node('Pad', ['x'], ['e'], pads=[1, 0, 0, -1, 0, 0], value=2.0)], [], [info('e')]))],
    {**x3, 'c': np.array([1], np.int64)})
case('Loop with old operators inside', 9, [
    node('Loop', ['n', '', 'x'], ['last', 'y'], body=body('step', [
        node('Unsqueeze', ['i'], ['u'], axes=[0]), node('Cast', ['u'], ['v'], to=FLOAT), node('Add', ['v', 'state'], ['next']),
        node('ReduceSum', ['next'], ['s'], axes=[1], keepdims=0), node('Clip', ['s'], ['k'], max=9.0),
        node('Identity', ['go'], ['on'])],
        [info('i', INT64, []), info('go', TensorProto.BOOL, []), info('state', FLOAT, [2, 3])],
        [info('on', TensorProto.BOOL, []), info('next', FLOAT, [2, 3]), info('k')]))],
    {'x': floats(2, 3), 'n': np.array(3)}, outputs=('last', 'y'))

print('[\n' + ',\n'.join(json.dumps(c, allow_nan=False) for c in cases) + '\n]')
