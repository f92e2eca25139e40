/** One deliberate fault: it breaks a promise, and some test must notice. */
export interface Mutant {
  /** What potctl promises, in plain words. Unique. */
  readonly promise: string;
  /** The file with the code that keeps the promise, from the root of the project. */
  readonly file: string;
  /** Code, not comments or texts; it occurs exactly once in the file. */
  readonly replace: string;
  readonly by: string;
  /** The test files of which at least one must fail. */
  readonly tests: readonly string[];
}

/** Returns the text of the mutant's file with the fault in it. @throws Error unless `replace` occurs exactly once */
export function applyMutant({ file, replace, by }: Mutant, text: string): string {
  const [before, after, ...more] = text.split(replace);
  if (after === undefined) throw new Error(`${file} does not contain: ${replace}`);
  if (more.length > 0) throw new Error(`${file} contains ${more.length + 1} times: ${replace}`);
  return before + by + after;
}
