import { einsum } from './einsum.js';
import type { GradientRow, Site } from './site.js';

/** Products of matrices and of more. */
export const dense: Record<string, GradientRow> = {
  ...einsum,
  MatMul: (site) => matrixProduct(site, { transA: false, transB: false, alpha: 1 }),
  'com.microsoft.FusedMatMul'(site) {
    if (site.node.int('transBatchA', 0) || site.node.int('transBatchB', 0))
      site.refuse('its batch axes are transposed');
    matrixProduct(site, formOf(site));
  },
  Gemm(site) {
    matrixProduct(site, formOf(site));
    if (!site.wants(2)) return;
    const beta = site.node.float('beta', 1);
    const gradient = site.unbroadcast(site.dy, site.y, site.input(2)!);
    site.give(2, beta === 1 ? gradient : site.g.mul(gradient, beta));
  },
};

/** `alpha · op(A) · op(B)`, where op may transpose the last two axes. */
interface ProductForm {
  transA: boolean;
  transB: boolean;
  alpha: number;
}

function formOf({ node }: Site): ProductForm {
  return { transA: !!node.int('transA', 0), transB: !!node.int('transB', 0), alpha: node.float('alpha', 1) };
}

/** A factor of a matrix product, or the gradient of the product. */
interface Factor {
  value: string;
  /** True for one matrix of two axes, false for a batch of them. */
  isMatrix: boolean;
}

/**
 * dA = dY · Bᵀ and dB = Aᵀ · dY, each summed over the batch axes along which its factor was broadcast. A vector counts as
 * a matrix of one row (A) or one column (B), as in numpy.matmul.
 */
function matrixProduct(site: Site, form: ProductForm): void {
  const a = factorOf(site, site.x, [1, -1]);
  const b = factorOf(site, site.input(1)!, [-1, 1]);
  const dy = gradientFactor(site, a.isMatrix && b.isMatrix);
  if (site.wants(0)) site.give(0, leftGradient(site, form, dy, a, b));
  if (site.wants(1)) site.give(1, rightGradient(site, form, dy, a, b));
}

function factorOf(site: Site, name: string, vectorShape: readonly number[]): Factor {
  const dims = site.dims(name);
  if (dims.length === 1) return { value: site.g.reshape(name, vectorShape), isMatrix: true };
  const isMatrix = dims.slice(0, -2).every((dim) => dim === 1);
  return { value: isMatrix && dims.length > 2 ? site.g.op('Flatten', [name], { axis: -1 }) : name, isMatrix };
}

/** The gradient with the axes that vectors among the factors left out. */
function gradientFactor(site: Site, isMatrix: boolean): Factor {
  const { g, dy } = site;
  const missing = [site.rank(site.x) === 1 ? [-2] : [], site.rank(site.input(1)!) === 1 ? [-1] : []].flat();
  if (missing.length) return { value: g.op('Unsqueeze', [dy, g.ints(missing)]), isMatrix };
  return { value: isMatrix && site.rank(site.y) > 2 ? g.op('Flatten', [dy], { axis: -1 }) : dy, isMatrix };
}

/** Axes of the product before those of its matrices. */
function batchRank(site: Site): number {
  return Math.max(site.rank(site.x), site.rank(site.input(1)!), 2) - 2;
}

function leftGradient(site: Site, form: ProductForm, dy: Factor, a: Factor, b: Factor): string {
  const { transA, transB, alpha } = form;
  if (a.isMatrix && !b.isMatrix && !transA && !transB && prefersOneProduct(site))
    return giveShape(site, productOverBatch(site, dy.value, b.value, alpha), site.x);
  const gradient = transA
    ? multiply(site, b, dy, { transA: transB, transB: true, alpha })
    : multiply(site, dy, b, { transA: false, transB: !transB, alpha });
  return toFactor(site, gradient, site.x, a, b);
}

function rightGradient(site: Site, form: ProductForm, dy: Factor, a: Factor, b: Factor): string {
  const { transA, transB, alpha } = form;
  const name = site.input(1)!;
  // A weight applied to many rows: one product over all of them, where a batch of products would have to be summed.
  const isApplied = b.isMatrix && !a.isMatrix && !transA;
  const [rows, gradientRows] = isApplied ? [flat(site, a), flat(site, dy)] : [a, dy];
  const gradient = transB
    ? multiply(site, gradientRows, rows, { transA: true, transB: transA, alpha })
    : multiply(site, rows, gradientRows, { transA: !transA, transB: false, alpha });
  return isApplied ? giveShape(site, gradient, name) : toFactor(site, gradient, name, b, a);
}

/** All rows of a batch of matrices as one. */
function flat(site: Site, { value }: Factor): Factor {
  return { value: site.g.op('Flatten', [value], { axis: -1 }), isMatrix: true };
}

function multiply(site: Site, left: Factor, right: Factor, { transA, transB, alpha }: ProductForm): string {
  const attributes = {
    alpha: alpha === 1 ? undefined : { float: alpha },
    transA: Number(transA),
    transB: Number(transB),
  };
  const op = left.isMatrix && right.isMatrix ? 'Gemm' : 'com.microsoft.FusedMatMul';
  return site.g.op(op, [left.value, right.value], attributes);
}

/** Sums what a product gave for a factor over the batch axes that the factor lacks. */
function toFactor(site: Site, gradient: string, name: string, factor: Factor, other: Factor): string {
  if (!factor.isMatrix && !other.isMatrix) return site.unbroadcast(gradient, site.y, name, 2);
  const lead = batchRank(site);
  if (!factor.isMatrix) return giveShape(site, gradient, name, lead + 2);
  const axes = Array.from({ length: lead }, (_, axis) => axis);
  return giveShape(site, other.isMatrix ? gradient : site.g.sum(gradient, axes, false), name);
}

/** Gives a gradient the axes of its value where their numbers differ. */
function giveShape(site: Site, gradient: string, name: string, rank = 2): string {
  return site.rank(name) === rank ? gradient : site.reshapeLike(gradient, name);
}

/**
 * For A[M,K] · B[n,K,T]: True where moving B and dY, n · T · (M + K) numbers, costs less than writing and summing the n
 * matrices [M,K] of a batched product (three times as many are written per second there, measured on one thread).
 */
function prefersOneProduct(site: Site): boolean {
  const [k, t] = site.typicalSizes(site.input(1)!)?.slice(-2) ?? [];
  const m = site.typicalSizes(site.x)?.at(-2) ?? 1;
  return k !== undefined && t !== undefined && t * (m + k) <= 3 * m * k;
}

/** Σ dY · Bᵀ over the batch as one product [M, n · T] · [n · T, K]. */
function productOverBatch(site: Site, dy: string, b: string, alpha: number): string {
  const columns = (value: string, rank: number): Factor => {
    const batch = Array.from({ length: rank - 2 }, (_, axis) => axis);
    const moved = site.g.transpose(value, [rank - 2, ...batch, rank - 1]);
    return { value: site.g.op('Flatten', [moved], { axis: 1 }), isMatrix: true };
  };
  const [left, right] = [columns(dy, batchRank(site) + 2), columns(b, site.rank(site.input(1)!))];
  return multiply(site, left, right, { transA: false, transB: true, alpha });
}
