import { PotctlError } from '../../../src/kernel/errors.js';
import type { Prompter } from '../../ui/prompts.js';
import { commandLine, withMore } from '../parse/shell.js';

const TRIES = 3;

/** What the gate needs to know about this invocation. */
export interface GateRequest {
  /** What must be typed. */
  readonly phrase: string;
  /** `--confirm`. */
  readonly given: string | undefined;
  /** `--yes`: enough only for what is mild. */
  readonly yes: boolean;
  readonly mild?: boolean | undefined;
  /** The command line as it was typed, without the program's name: for the line that works. */
  readonly argv: readonly string[];
  /** null where nobody can be asked. */
  readonly prompter: Prompter | null;
  /** Why nobody can be asked, e.g. `there is no terminal`. */
  readonly whyNot: string;
  say(line: string): void;
}

/**
 * Lets only a confirmed change through: the phrase typed at a terminal, or given as `--confirm`.
 *
 * @throws PotctlError E_CONFIRM_WRONG, E_CONFIRM_REQUIRED with the line that works, E_CANCELLED after three wrong answers or an empty one
 */
export async function confirm(request: GateRequest): Promise<void> {
  const { phrase, given, prompter, yes, mild } = request;
  if (given === phrase || (given === undefined && yes && mild)) return;
  if (given !== undefined) {
    throw new PotctlError('E_CONFIRM_WRONG', `'${given}' is not what would be changed: that is '${phrase}'`, {
      fix: ['Compare the name with the plan above; if the plan is what you want:', workingLine(request)],
    });
  }
  if (prompter === null) throw required(request);
  await typePhrase(phrase, prompter, request.say);
}

async function typePhrase(phrase: string, prompter: Prompter, say: (line: string) => void): Promise<void> {
  for (let left = TRIES - 1; left >= 0; left -= 1) {
    const answer = await prompter.typed(`Type  ${phrase}  to continue (Enter cancels)`);
    if (answer === phrase) return;
    if (answer === '') break;
    if (left > 0) say(`That is not '${phrase}'. ${left} ${left === 1 ? 'try' : 'tries'} left.`);
  }
  throw new PotctlError('E_CANCELLED', 'not confirmed', { changed: 'nothing' });
}

function required(request: GateRequest): PotctlError {
  const { yes, whyNot } = request;
  return new PotctlError('E_CONFIRM_REQUIRED', `this needs a confirmation, and ${whyNot}`, {
    ...(yes ? { why: '--yes is not enough for what cannot be taken back: the name must be given' } : {}),
    fix: [workingLine(request)],
  });
}

function workingLine({ argv, phrase }: GateRequest): string {
  return commandLine(withConfirm(argv, phrase));
}

/** The same arguments with `--confirm <phrase>` in the place of whatever stood for a confirmation. */
export function withConfirm(argv: readonly string[], phrase: string): string[] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const isConfirmation = (word: string, at: number): boolean =>
    at < end && (argv[at - 1] === '--confirm' || /^--(confirm(=.*)?|no-confirm|yes)$|^-y$/s.test(word));
  const kept = argv.filter((word, at) => !isConfirmation(word, at));
  return withMore(kept, phrase.startsWith('-') ? [`--confirm=${phrase}`] : ['--confirm', phrase]);
}
