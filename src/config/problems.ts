import { PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';

/** One mistake in the configuration file. */
export interface Problem {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly column: number;
  /** Dotted, e.g. `profiles.prod.database.prot`; empty for the file as a whole. */
  readonly key: string;
  /** Never contains a value that could be a secret. */
  readonly problem: string;
  readonly suggestion: string | null;
}

/** One error with all problems, each with file and line. */
export function asError(problems: readonly Problem[]): PotctlError {
  const why: Record<string, string> = {};
  for (const { file, line, problem, suggestion } of problems) {
    const place = `${file}:${line}`;
    const sentence = suggestion === null ? problem : `${problem} (${suggestion})`;
    why[place] = why[place] === undefined ? sentence : `${why[place]}; ${sentence}`;
  }
  const count = problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`;
  return new PotctlError('E_CONFIG', `the configuration has ${count}`, {
    why,
    fix: [advice`fix the lines above, then check: ${potctl('config', 'validate')}`],
  });
}
