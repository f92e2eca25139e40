/** The symbol of node:util; importing it makes Node 24 warn about NO_COLOR with FORCE_COLOR before the program starts. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

const known = new Set<string>();

/** A value that never prints. Call `reveal()` only where the value is used, as late as possible. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
    if (value.length >= 4) known.add(value);
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [INSPECT](): string {
    return '[secret]';
  }
}

/** Replaces every secret that this process has seen, and passwords inside URLs, in text that goes to a person or a log. */
export function redact(text: string): string {
  let clean = text.replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s@/]+@/gi, '$1:[secret]@');
  for (const value of known) {
    clean = clean.replaceAll(value, '[secret]');
    const encoded = encodeURIComponent(value);
    if (encoded !== value) clean = clean.replaceAll(encoded, '[secret]');
  }
  return clean;
}
