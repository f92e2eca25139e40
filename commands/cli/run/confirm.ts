import { PotctlError } from '../../../src/kernel/errors.js';
import { type Again, again } from '../../../src/kernel/next.js';
import type { Prompter } from '../../ui/prompts.js';

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

/** The line that works: with the name in the place of whatever stood for a confirmation. */
function workingLine({ phrase }: GateRequest): Again {
  const flags = phrase.startsWith('-') ? [`--confirm=${phrase}`] : ['--confirm', phrase];
  return { ...again(...flags), without: ['--no-confirm', '--yes'] };
}
