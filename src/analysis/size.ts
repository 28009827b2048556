import type { Dim } from '../ir/graph.js';

/**
 * A whole number that may depend on a model's symbolic dimensions: a polynomial in symbols with whole coefficients,
 * `2*batch*sequence + 1`. What is no polynomial (`trunc(a/b)`, `min(a,b)`) becomes a symbol named by its expression, so
 * that equal text means equal value.
 */
export class Size {
  /** Coefficients by product of symbols; the empty product is the constant term. No coefficient is 0. */
  private constructor(
    private readonly terms: ReadonlyMap<string, number>,
    /** What this is a minimum of. */
    private readonly bounds: readonly Size[] = [],
  ) {}

  static of(value: number): Size {
    return new Size(new Map(value ? [['', value]] : []));
  }

  static symbol(name: string): Size {
    return new Size(new Map([[name, 1]]));
  }

  /** The number this is, where no symbol is left in it. */
  get value(): number | undefined {
    if (this.terms.size === 0) return 0;
    return this.terms.size === 1 ? this.terms.get('') : undefined;
  }

  /** True where no dimension can make this negative. */
  get isNatural(): boolean {
    return [...this.terms.values()].every((coefficient) => coefficient > 0);
  }

  plus(other: Size): Size {
    const terms = new Map(this.terms);
    for (const [key, coefficient] of other.terms) addTerm(terms, key, coefficient);
    return new Size(terms);
  }

  minus(other: Size): Size {
    return this.plus(other.times(Size.of(-1)));
  }

  times(other: Size): Size {
    const terms = new Map<string, number>();
    for (const [a, x] of this.terms) for (const [b, y] of other.terms) addTerm(terms, product(a, b), x * y);
    return other.value === 1 ? this : new Size(terms);
  }

  /** The quotient where every term divides without remainder; undefined elsewhere. */
  dividedBy(other: Size): Size | undefined {
    const [divisor, ...more] = other.terms;
    if (!divisor || more.length) return undefined;
    const terms = new Map<string, number>();
    for (const [key, coefficient] of this.terms) {
      const rest = quotient(key, divisor[0]);
      if (rest === undefined || coefficient % divisor[1]) return undefined;
      addTerm(terms, rest, coefficient / divisor[1]);
    }
    return new Size(terms);
  }

  /** Division as ONNX's Div does it on whole numbers: rounded towards zero. Undefined by zero and where a sign is. */
  truncatedBy(other: Size): Size | undefined {
    if (other.value === 0) return undefined;
    if (this.value !== undefined && other.value !== undefined) return Size.of(Math.trunc(this.value / other.value));
    if (!this.isNatural || !other.isNatural) return undefined;
    return this.dividedBy(other) ?? Size.symbol(`trunc((${this})/(${other}))`);
  }

  /** The smaller of two; undefined where a sign is unknown. */
  min(other: Size): Size | undefined {
    if (other.isAtLeast(this)) return this;
    if (this.isAtLeast(other)) return other;
    if (!this.isNatural || !other.isNatural) return undefined;
    const [a, b] = [this, other].sort((x, y) => (String(x) < String(y) ? -1 : 1)) as [Size, Size];
    return new Size(new Map([[`min(${a},${b})`, 1]]), [this, other]);
  }

  /** The larger of two; undefined where it is not known which one that is. */
  max(other: Size): Size | undefined {
    if (this.isAtLeast(other)) return this;
    return other.isAtLeast(this) ? other : undefined;
  }

  equals(other: Size): boolean {
    return String(this) === String(other);
  }

  /** True where this is provably no smaller than `other`. */
  isAtLeast(other: Size): boolean {
    return this.minus(other).isNatural || other.bounds.some((bound) => this.isAtLeast(bound));
  }

  /** The polynomial as text, the same for equal sizes. */
  toString(): string {
    const terms = [...this.terms].sort(([a], [b]) => (a < b ? -1 : 1));
    return terms.map(([key, c]) => (key === '' ? String(c) : c === 1 ? key : `${c}*${key}`)).join('+') || '0';
  }
}

/** Writes sizes as dimensions and reads them back: the names of expressions are remembered. */
export class SizeNames {
  private readonly known = new Map<string, Size>();

  read(dim: Dim): Size | undefined {
    if (dim === undefined) return undefined;
    return typeof dim === 'number' ? Size.of(dim) : (this.known.get(dim) ?? Size.symbol(dim));
  }

  write(size: Size | undefined): Dim {
    if (!size || size.value !== undefined) return size?.value;
    const name = String(size);
    this.known.set(name, size);
    return name;
  }
}

const SEPARATOR = '\u00b7';

function addTerm(terms: Map<string, number>, key: string, coefficient: number): void {
  const sum = (terms.get(key) ?? 0) + coefficient;
  if (sum) terms.set(key, sum);
  else terms.delete(key);
}

function product(a: string, b: string): string {
  return [...factors(a), ...factors(b)].sort().join(SEPARATOR);
}

function quotient(key: string, divisor: string): string | undefined {
  const rest = factors(key);
  for (const symbol of factors(divisor)) {
    const at = rest.indexOf(symbol);
    if (at < 0) return undefined;
    rest.splice(at, 1);
  }
  return rest.join(SEPARATOR);
}

function factors(key: string): string[] {
  return key ? key.split(SEPARATOR) : [];
}
