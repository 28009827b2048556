/** Exit codes of every command; scripts depend on them. */
export const EXIT = { ok: 0, gateFailed: 1, userError: 2, bug: 101, interrupted: 130 } as const;

/** Where a mistake lies and how to mend it. */
export interface ErrorPlace {
  /** The file (or option) that holds the mistake. */
  file?: string | undefined;
  /** The place inside it: a row, a node, a byte offset, a field. */
  where?: string | undefined;
  /** What the user can do about it. */
  mend?: string | undefined;
}

/**
 * A mistake in what the user gave: arguments, configuration, data or model. Ends the program with exit code 2 and one
 * line that names the file, the place, what is wrong and how to mend it.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
  /** What is wrong, without the place and the mend. */
  readonly what: string;
  readonly place: ErrorPlace;

  constructor(what: string, place: ErrorPlace = {}) {
    const start = [place.file, place.where].filter(Boolean).join(': ');
    const text = `${start ? `${start}: ` : ''}${what}${place.mend ? `; ${place.mend}` : ''}`;
    super(text.replace(/\s*[\r\n]+\s*/g, ' '));
    this.what = what;
    this.place = place;
  }

  /** The same mistake with more of its place named. */
  at(place: ErrorPlace): UserError {
    return new UserError(this.what, { ...this.place, ...place });
  }
}

/** Turns anything thrown into its message, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s*[\r\n]+\s*/g, ' ').trim();
}
