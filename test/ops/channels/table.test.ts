import { describe, expect, it } from 'vitest';
import { modelWithWeights } from '../../passes/prune/model-with-weights.js';
import { everyThird, oracleGap, prunable } from '../../passes/prune/oracle.js';

/** Inputs x and weights, the type of y, the nodes; then each group as `size: constants with their axes`. */
const ROWS: Record<string, { inputs: string; y: string; nodes: string; groups: string[] }> = {
  'a depthwise convolution loses whole groups': {
    inputs: 'float[1, 3, 6, 6] x, float[8, 3, 1, 1] a, float[8, 1, 3, 3] d, float[8] e, float[2, 8, 1, 1] w',
    y: 'float[1, 2, 4, 4]',
    nodes: 'p = Conv (x, a) q = Conv <group = 8> (p, d, e) y = Conv (q, w)',
    groups: ['8: a:0 d:0 e:0 w:1'],
  },
  'a convolution of two groups loses the same channels of both': {
    inputs: 'float[1, 3, 6, 6] x, float[8, 3, 1, 1] a, float[12, 4, 3, 3] g, float[2, 12, 1, 1] w',
    y: 'float[1, 2, 4, 4]',
    nodes: 'p = Conv (x, a) q = Conv <group = 2> (p, g) y = Conv (q, w)',
    groups: ['4: a:0×2 g:1', '6: g:0×2 w:1×2'],
  },
  'a convolution of many small groups loses whole groups': {
    inputs: 'float[1, 3, 6, 6] x, float[16, 3, 1, 1] a, float[16, 2, 3, 3] g, float[2, 16, 1, 1] w',
    y: 'float[1, 2, 4, 4]',
    nodes: 'p = Conv (x, a) q = Conv <group = 8> (p, g) y = Conv (q, w)',
    groups: ['8: a:0×2 g:0×2 w:1×2'],
  },
  'a transposed convolution sums over the first axis of its weight': {
    inputs: 'float[1, 3, 4, 4] x, float[6, 3, 1, 1] a, float[6, 5, 2, 2] t, float[5] b, float[2, 5, 1, 1] w',
    y: 'float[1, 2, 8, 8]',
    nodes: 'p = Conv (x, a) q = ConvTranspose <strides = [2, 2]> (p, t, b) y = Conv (q, w)',
    groups: ['6: a:0 t:0', '5: b:0 t:1 w:1'],
  },
  'a grouped transposed convolution': {
    inputs: 'float[1, 3, 4, 4] x, float[6, 3, 1, 1] a, float[6, 1, 2, 2] t, float[2, 6, 1, 1] w',
    y: 'float[1, 2, 5, 5]',
    nodes: 'p = Conv (x, a) q = ConvTranspose <group = 6> (p, t) y = Conv (q, w)',
    groups: ['6: a:0 t:0 w:1'],
  },
  'a deformable convolution': {
    inputs: `float[1, 3, 4, 4] x, float[6, 3, 1, 1] a, float[8, 3, 1, 1] o, float[5, 6, 2, 2] d, float[5] b,
      float[2, 5, 1, 1] w`,
    y: 'float[1, 2, 3, 3]',
    nodes: `p = Conv (x, a) i = Conv (x, o)
      m = AveragePool <kernel_shape = [2, 2]> (i) q = DeformConv <kernel_shape = [2, 2]> (p, d, m, b) y = Conv (q, w)`,
    groups: ['6: a:0 d:1', '5: b:0 d:0 w:1'],
  },
  'parts that are concatenated stay apart': {
    inputs: 'float[1, 4] x, float[4, 3] a, float[4, 5] b, float[8, 2] w',
    y: 'float[1, 2]',
    nodes: 'p = MatMul (x, a) q = MatMul (x, b) c = Concat <axis = 1> (p, q) y = MatMul (c, w)',
    groups: ['3: a:1 w:0', '5: b:1 w:0'],
  },
  'a gated linear unit loses a channel of both halves': {
    inputs: 'float[1, 4] x, float[4, 12] a, float[6, 2] w',
    y: 'float[1, 2]',
    nodes: `p = MatMul (x, a) g, h = Split <axis = 1, num_outputs = 2> (p) s = Sigmoid (g) m = Mul (s, h) y = MatMul (m, w)`,
    groups: ['6: a:1×2 w:0'],
  },
  'parts of unequal size after pruning': {
    inputs: 'float[1, 4] x, float[4, 12] a, float[6, 2] v, float[6, 2] w',
    y: 'float[1, 2]',
    nodes:
      'p = MatMul (x, a) g, h = Split <axis = 1, num_outputs = 2> (p) i = MatMul (g, v) j = MatMul (h, w) y = Add (i, j)',
    groups: ['6: a:1 v:0', '6: a:1 w:0'],
  },
  'an LSTM shares hidden units over gates and directions': {
    inputs: `float[3, 1, 4] x, float[2, 20, 4] a, float[2, 20, 5] r, float[2, 40] b, float[2, 1, 5] h, float[2, 1, 5] c,
      float[10, 2] w`,
    y: 'float[3, 1, 2]',
    nodes: `l = LSTM <hidden_size = 5, direction = "bidirectional"> (x, a, r, b, , h, c)
      t = Transpose <perm = [0, 2, 1, 3]> (l) s = Constant <value_ints = [0, 0, -1]> () f = Reshape (t, s) y = MatMul (f, w)`,
    groups: ['5: a:1×4 b:1×8 c:2 h:2 r:1×4 r:2 w:0×2'],
  },
  'heads of attention go with their queries, keys and values': {
    inputs: 'float[1, 3, 4] x, float[4, 12] q, float[4, 12] k, float[4, 12] v, float[12, 2] w',
    y: 'float[1, 3, 2]',
    nodes: `s = Constant <value_ints = [0, 0, 3, 4]> () f = Constant <value_ints = [0, 0, -1]> ()
      qm = MatMul (x, q) qr = Reshape (qm, s) qt = Transpose <perm = [0, 2, 1, 3]> (qr)
      km = MatMul (x, k) kr = Reshape (km, s) kt = Transpose <perm = [0, 2, 3, 1]> (kr)
      vm = MatMul (x, v) vr = Reshape (vm, s) vt = Transpose <perm = [0, 2, 1, 3]> (vr)
      z = MatMul (qt, kt) p = Softmax (z) o = MatMul (p, vt)
      ot = Transpose <perm = [0, 2, 1, 3]> (o) or = Reshape (ot, f) y = MatMul (or, w)`,
    groups: ['3: k:1×4 q:1×4 v:1×4 w:0×4'],
  },
  'the operator Attention, with two queries to a key': {
    inputs: 'float[1, 3, 4] x, float[4, 12] q, float[4, 6] k, float[4, 6] v, float[12, 2] w',
    y: 'float[1, 3, 2]',
    nodes: `qm = MatMul (x, q) km = MatMul (x, k) vm = MatMul (x, v)
      o = Attention <q_num_heads = 6, kv_num_heads = 3> (qm, km, vm) y = MatMul (o, w)`,
    groups: ['3: k:1×2 q:1×4 v:1×2 w:0×4'],
  },
  'a batch times heads': {
    inputs: 'float[N, 3, 4] x, float[4, 12] q, float[12, 2] w',
    y: 'float[N, 3, 2]',
    nodes: `s = Constant <value_ints = [0, 0, 3, 4]> () b = Constant <value_ints = [-1, 3, 4]> ()
      u = Constant <value_ints = [-1, 3, 3, 4]> () f = Constant <value_ints = [0, 0, -1]> ()
      m = MatMul (x, q) r = Reshape (m, s) t = Transpose <perm = [0, 2, 1, 3]> (r) h = Reshape (t, b)
      k = Transpose <perm = [0, 2, 1]> (h) z = MatMul (h, k) p = Softmax (z) o = MatMul (p, h)
      v = Reshape (o, u) a = Transpose <perm = [0, 2, 1, 3]> (v) c = Reshape (a, f) y = MatMul (c, w)`,
    groups: ['3: q:1×4 w:0×4'],
  },
  'a batch times heads, of open lengths': {
    inputs: 'float[N, L, 4] x, float[4, 12] q, float[12, 2] w',
    y: 'float[N, L, 2]',
    nodes: `s = Constant <value_ints = [0, 0, 3, 4]> () h = Constant <value_ints = [3]> () e = Constant <value_ints = [4]> ()
      f = Constant <value_ints = [0, 0, -1]> () n = Shape <start = 0, end = 1> (x) l = Shape <start = 1, end = 2> (x)
      nh = Mul (n, h) b = Concat <axis = 0> (nh, l, e) u = Concat <axis = 0> (n, h, l, e)
      m = MatMul (x, q) r = Reshape (m, s) t = Transpose <perm = [0, 2, 1, 3]> (r) v = Reshape (t, b)
      k = Transpose <perm = [0, 2, 1]> (v) z = MatMul (v, k) p = Softmax (z) o = MatMul (p, v)
      a = Reshape (o, u) c = Transpose <perm = [0, 2, 1, 3]> (a) d = Reshape (c, f) y = MatMul (d, w)`,
    groups: ['3: q:1×4 w:0×4'],
  },
  'a channel shuffle': {
    inputs: 'float[1, 3, 4, 4] x, float[8, 3, 1, 1] a, float[8, 1, 3, 3] d, float[2, 8, 1, 1] w',
    y: 'float[1, 2, 2, 2]',
    nodes: `i = Constant <value_ints = [1, 2, 4, 4, 4]> () j = Constant <value_ints = [1, 8, 4, 4]> ()
      p = Conv (x, a) r = Reshape (p, i) t = Transpose <perm = [0, 2, 1, 3, 4]> (r) s = Reshape (t, j)
      q = Conv <group = 8> (s, d) y = Conv (q, w)`,
    groups: ['4: a:0×2 d:0×2 w:1×2'],
  },
  'pixels from channels': {
    inputs: 'float[1, 3, 4, 4] x, float[12, 3, 1, 1] a, float[2, 3, 1, 1] w',
    y: 'float[1, 2, 8, 8]',
    nodes: 'p = Conv (x, a) q = DepthToSpace <blocksize = 2, mode = "CRD"> (p) y = Conv (q, w)',
    groups: ['3: a:0×4 w:1'],
  },
  'channels that are added by padding': {
    inputs: 'float[1, 4] x, float[4, 3] a, float[4, 5] b, float[5, 2] w',
    y: 'float[1, 2]',
    nodes: `c = Constant <value_ints = [0, 1, 0, 1]> () p = MatMul (x, a) d = Pad (p, c) q = MatMul (x, b) s = Add (d, q)
      y = MatMul (s, w)`,
    groups: ['3: a:1 b:1 w:0', '2: b:1 w:0'],
  },
  'whole groups of a group normalization': {
    inputs: 'float[1, 3, 4, 4] x, float[8, 3, 1, 1] a, float[8] s, float[8] t, float[2, 8, 1, 1] w',
    y: 'float[1, 2, 4, 4]',
    nodes: 'p = Conv (x, a) q = GroupNormalization <num_groups = 4> (p, s, t) y = Conv (q, w)',
    groups: ['4: a:0×2 s:0×2 t:0×2 w:1×2'],
  },
  'a table of embeddings loses columns, not rows': {
    inputs: 'int64[1, 3] x, float[9, 5] e, float[5, 2] w',
    y: 'float[1, 3, 2]',
    nodes: 'g = Gather (e, x) y = MatMul (g, w)',
    groups: ['5: e:1 w:0'],
  },
  'channels picked by constant numbers': {
    inputs: 'float[1, 4] x, float[4, 5] a, float[3, 2] w',
    y: 'float[1, 2]',
    nodes: 'i = Constant <value_ints = [4, 0, -2]> () p = MatMul (x, a) g = Gather <axis = 1> (p, i) y = MatMul (g, w)',
    groups: ['3: a:1 w:0', '2: a:1'],
  },
  'channels of an updated map': {
    inputs: 'float[3, 4] x, float[4, 5] a, float[4, 5] b, float[5, 2] w',
    y: 'float[3, 2]',
    nodes: `i = Constant <value = int64[2, 1] {2, 0}> () p = MatMul (x, a)
      z = Constant <value_ints = [0]> () t = Constant <value_ints = [2]> () r = Slice (x, z, t) q = MatMul (r, b)
      u = ScatterND (p, i, q) y = MatMul (u, w)`,
    groups: ['5: a:1 b:1 w:0'],
  },
  'queries that are turned by their positions': {
    inputs: 'float[1, 3, 4] x, float[4, 12] q, float[12, 2] w, float[9, 2] c, float[9, 2] s',
    y: 'float[1, 3, 2]',
    nodes: `p = Constant <value = int64[1, 3] {0, 1, 2}> () m = MatMul (x, q)
      r = RotaryEmbedding <num_heads = 3> (m, c, s, p) y = MatMul (r, w)`,
    groups: ['3: q:1×4 w:0×4'],
  },
  'sizes computed from a value that loses channels': {
    inputs: 'float[N, 4] x, float[4, 6] a, float[6, 2] w',
    y: 'float[N, 2]',
    nodes: `p = MatMul (x, a) s = Shape (p) o = Constant <value_float = 2.0> () e = Expand (o, s) m = Mul (p, e)
      y = MatMul (m, w)`,
    groups: ['6: a:1 w:0'],
  },
  'sums and products by subscripts': {
    inputs: 'float[1, 4] x, float[4, 6] a, float[2, 6] w',
    y: 'float[1, 2]',
    nodes: 'p = Einsum <equation = "ni,ic->nc"> (x, a) y = Einsum <equation = "nc,oc->no"> (p, w)',
    groups: ['6: a:1 w:1'],
  },
  'a fused convolution with a sum': {
    inputs: 'float[1, 3, 4, 4] x, float[6, 3, 1, 1] a, float[6, 3, 1, 1] c, float[6] b, float[2, 6, 1, 1] w',
    y: 'float[1, 2, 4, 4]',
    nodes: `p = Conv (x, a) q = com.microsoft.FusedConv <activation = "Relu"> (x, c, b, p)
      y = com.microsoft.FusedConv <activation = "Relu"> (q, w)`,
    groups: ['6: a:0 b:0 c:0 w:1'],
  },
  'fused dense layers': {
    inputs: 'float[1, 4] x, float[6, 4] a, float[6] b, float[5, 6] c, float[5] d, float[5, 2] w',
    y: 'float[1, 2]',
    nodes: `p = com.microsoft.FusedMatMul <transB = 1> (x, a) q = com.microsoft.BiasGelu (p, b)
      r = com.microsoft.FusedGemm <activation = "Relu", transB = 1> (q, c, d) y = com.microsoft.FusedMatMul (r, w)`,
    groups: ['6: a:0 b:0 c:1', '5: c:0 d:0 w:0'],
  },
  'com.microsoft.Attention projects by itself': {
    inputs: 'float[1, 3, 4] x, float[4, 24] a, float[24] b, float[8, 2] w',
    y: 'float[1, 3, 2]',
    nodes: 'h = com.microsoft.Attention <num_heads = 4> (x, a, b) y = MatMul (h, w)',
    groups: ['4: a:1×6 b:0×6 w:0×2'],
  },
  'com.microsoft.MultiHeadAttention, with biases': {
    inputs: `float[1, 3, 4] x, float[4, 8] q, float[4, 8] k, float[4, 12] v, float[28] b, float[1, 4, 3, 3] m,
      float[12, 2] w`,
    y: 'float[1, 3, 2]',
    nodes: `qm = MatMul (x, q) km = MatMul (x, k) vm = MatMul (x, v)
      h = com.microsoft.MultiHeadAttention <num_heads = 4> (qm, km, vm, b, , m) y = MatMul (h, w)`,
    groups: ['4: b:0×7 k:1×2 m:1 q:1×2 v:1×3 w:0×3'],
  },
  'com.microsoft.GroupQueryAttention loses one query of each key': {
    inputs: 'float[1, 3, 4] x, float[4, 48] q, float[4, 16] k, float[4, 16] v, float[48, 2] w',
    y: 'float[1, 3, 2]',
    nodes: `l = Constant <value = int32[1] {2}> () t = Constant <value = int32[1] {3}> ()
      qm = MatMul (x, q) km = MatMul (x, k) vm = MatMul (x, v)
      h, pk, pv = com.microsoft.GroupQueryAttention <num_heads = 6, kv_num_heads = 2> (qm, km, vm, , , l, t)
      y = MatMul (h, w)`,
    groups: ['3: q:1×16 w:0×16'],
  },
  'a weight that is used twice': {
    inputs: 'int64[1, 3] x, float[9, 6] e, float[6, 6] w',
    y: 'float[1, 3, 9]',
    nodes: 'g = Gather (e, x) h = MatMul (g, w) y = Einsum <equation = "bsd,vd->bsv"> (h, e)',
    groups: ['6: e:1 w:0 w:1'],
  },
};

describe('rows of the channel table', () => {
  for (const [name, { inputs, y, nodes, groups }] of Object.entries(ROWS))
    it(name, async () => {
      const text = `<ir_version: 10, opset_import: ["" : 23, "com.microsoft" : 1]> graph (${inputs}) => (${y} y) { ${nodes} }`;
      const part = await prunable(modelWithWeights(text));
      const found = part.found.groups.map(({ size, members }) => {
        const constants = members.filter(({ isConstant }) => isConstant);
        const places = constants.map((m) => `${m.value}:${m.axis}${m.perChannel > 1 ? `×${m.perChannel}` : ''}`);
        return `${size}: ${places.sort().join(' ')}`;
      });
      expect(found).toEqual(groups);
      for (const removed of everyThird(part)) expect(await oracleGap(part, removed)).toBeLessThan(1e-5);
    });
});
