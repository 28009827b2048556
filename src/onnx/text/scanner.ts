import { UserError } from '../../errors.js';

/** A literal as written: whole numbers, numbers with a fraction or exponent, and quoted text. */
export type Literal =
  | { kind: 'int'; value: bigint }
  | { kind: 'float'; value: number }
  | { kind: 'string'; value: string };

const SPACE = /(?:\s+|#[^\n]*)*/y;
const IDENTIFIER = /[A-Za-z_][A-Za-z0-9_]*/y;
const STRING = /"([^"\\]*(?:\\[\s\S][^"\\]*)*)"/y;
const NUMBER = /-?\d+(\.\d*)?([eE][+-]?\d+)?/y;
const SPECIAL_FLOAT = /-?(?:inf(?:inity)?|nan)(?![A-Za-z0-9_])/iy;

/** Reads the tokens of the ONNX textual syntax from a text; every failure names its line and column. */
export class Scanner {
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly file: string | undefined,
  ) {
    this.skipSpace();
  }

  get atEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** The next character, or the empty string at the end. */
  get next(): string {
    return this.text.charAt(this.at);
  }

  /** Takes `token` where it comes next. */
  accept(token: string): boolean {
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    this.skipSpace();
    return true;
  }

  expect(token: string, after?: string): void {
    if (!this.accept(token)) throw this.unexpected(`'${token}'${after ? ` after ${after}` : ''}`);
  }

  /** The identifier that comes next, without taking it. */
  peekIdentifier(): string | undefined {
    IDENTIFIER.lastIndex = this.at;
    return IDENTIFIER.exec(this.text)?.[0];
  }

  identifier(what: string): string {
    const found = this.take(IDENTIFIER);
    if (!found) throw this.unexpected(what);
    return found[0];
  }

  /** An identifier, or any text in quotes. */
  quotable(what: string): string {
    return this.next === '"' ? this.string() : this.identifier(what);
  }

  string(): string {
    const found = this.take(STRING);
    if (!found) throw this.next === '"' ? this.error('a string is not closed') : this.unexpected('a string in quotes');
    return found[1]!.replace(/\\([\s\S])/g, '$1');
  }

  int(): bigint {
    const literal = this.literal();
    if (literal.kind !== 'int') throw this.error('a whole number is needed here');
    return literal.value;
  }

  literal(): Literal {
    if (this.next === '"') return { kind: 'string', value: this.string() };
    const special = this.take(SPECIAL_FLOAT);
    if (special) return { kind: 'float', value: specialFloat(special[0]) };
    const number = this.take(NUMBER);
    if (!number) throw this.unexpected('a value');
    const isFloat = number[1] !== undefined || number[2] !== undefined;
    return isFloat ? { kind: 'float', value: Number(number[0]) } : { kind: 'int', value: BigInt(number[0]) };
  }

  /** True where `inf`, `infinity` or `nan` comes next. */
  nextIsSpecialFloat(): boolean {
    SPECIAL_FLOAT.lastIndex = this.at;
    return SPECIAL_FLOAT.test(this.text);
  }

  /** Items between `open` and `close`, separated by commas; none where `close` follows at once. */
  list<T>(open: string, close: string, item: () => T): T[] {
    this.expect(open);
    const items: T[] = [];
    if (this.accept(close)) return items;
    do items.push(item());
    while (this.accept(','));
    if (!this.accept(close)) throw this.unexpected(`',' or '${close}'`);
    return items;
  }

  /** An error at the present place. */
  error(what: string): UserError {
    const before = this.text.slice(0, this.at).split('\n');
    const where = `line ${before.length}, column ${before[before.length - 1]!.length + 1}`;
    return new UserError(what, { file: this.file, where, mend: 'see the ONNX textual syntax' });
  }

  unexpected(wanted: string): UserError {
    const found = this.peekIdentifier() ?? this.next;
    return this.error(`expected ${wanted}, found ${found ? `'${found}'` : 'the end of the text'}`);
  }

  private take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) {
      this.at += found[0].length;
      this.skipSpace();
    }
    return found;
  }

  private skipSpace(): void {
    SPACE.lastIndex = this.at;
    this.at += SPACE.exec(this.text)![0].length;
  }
}

function specialFloat(text: string): number {
  if (/nan/i.test(text)) return Number.NaN;
  return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
