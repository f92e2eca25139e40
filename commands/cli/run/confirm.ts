import { PotctlError } from '../../../src/kernel/errors.js';
import { type Again, again } from '../../../src/kernel/next.js';
import type { Prompter } from '../../ui/prompts.js';

const TRIES = 3;

/** What the confirmation needs to know about this command line. */
export interface GateRequest {
  /** What must be typed. */
  readonly phrase: string;
  /** `--confirm`. */
  readonly given: string | undefined;
  /** `--yes`: enough only for mild changes. */
  readonly yes: boolean;
  readonly mild?: boolean | undefined;
  /** null if nobody can be asked. */
  readonly prompter: Prompter | null;
  /** Why nobody can be asked, e.g. `there is no terminal`. */
  readonly whyNot: string;
  say(line: string): void;
}

/**
 * Returns if the change is confirmed: the phrase was typed at the terminal, or given as `--confirm`.
 *
 * @throws PotctlError E_CONFIRM_WRONG; E_CONFIRM_REQUIRED with the command that works; E_CANCELED after three wrong answers or an empty one
 */
export async function confirm(request: GateRequest): Promise<void> {
  const { phrase, given, prompter, yes, mild } = request;
  if (given === phrase || (given === undefined && yes && mild)) return;
  if (given !== undefined) {
    throw new PotctlError('E_CONFIRM_WRONG', `wrong confirmation: '${given}' was given, but this changes '${phrase}'`, {
      fix: ['Compare the name with the plan above. If the plan is right:', workingLine(request)],
    });
  }
  if (prompter === null) throw required(request);
  await typePhrase({ ...request, prompter });
}

async function typePhrase({ phrase, prompter, say }: GateRequest & { readonly prompter: Prompter }): Promise<void> {
  for (let left = TRIES - 1; left >= 0; left -= 1) {
    const answer = await prompter.typed(`Type '${phrase}' to continue (Enter cancels)`);
    if (answer === phrase) return;
    if (answer === '') throw notConfirmed(phrase, 'Enter was pressed without a name');
    if (left > 0) say(`That is not '${phrase}'. ${left} ${left === 1 ? 'try' : 'tries'} left.`);
  }
  throw notConfirmed(phrase, `the name was not typed correctly in ${TRIES} tries`);
}

function notConfirmed(phrase: string, why: string): PotctlError {
  return new PotctlError('E_CANCELED', 'not confirmed', {
    why,
    changed: 'nothing',
    fix: [`Run the command again and type ${phrase} exactly, without quotes; upper and lower case matter.`],
  });
}

function required(request: GateRequest): PotctlError {
  const { yes, whyNot } = request;
  return new PotctlError('E_CONFIRM_REQUIRED', `this change must be confirmed, but ${whyNot}`, {
    ...(yes ? { why: '--yes is not enough for this change: the name must be given' } : {}),
    fix: [workingLine(request)],
  });
}

/** This command line with `--confirm NAME` instead of any other confirmation. */
function workingLine({ phrase }: GateRequest): Again {
  const flags = phrase.startsWith('-') ? [`--confirm=${phrase}`] : ['--confirm', phrase];
  return { ...again(...flags), without: ['--no-confirm', '--yes'] };
}
