import { PotctlError } from '../../../../src/kernel/errors.js';
import type { Prepared } from '../../../../src/kernel/prepared.js';
import type { ChangeResult } from '../../../../src/mfa/change.js';
import type { DeskCase } from '../../../../src/mfa/desk/case.js';
import type { DeskChange, DeskPlan } from '../../../../src/mfa/desk/open.js';
import type { DeskTask } from '../../../../src/mfa/desk/tasks.js';
import { codesScreen } from '../../../mfa/shared/codes-screen.js';
import type { Desk } from './desk.js';
import { proveCaller } from './proofs.js';
import { CallEnded } from './talk.js';
import { SAY_DONE, stepsInWords, TASK_WORDS } from './words.js';

const TRIES = 3;

/** Makes one change: checks that it is possible, verifies identity, confirms, applies and notifies. @throws CallEnded */
export async function change(here: Desk, call: DeskCase, task: DeskTask): Promise<void> {
  await refuseImpossible(here, call, task);
  const proving = await proveCaller(here, call, task);
  const wanted = { task, call, proving, ...(await askWhy(here)), delivery: (use: string) => onScreen(here, use) };
  const prepared = await here.desk.change(wanted);
  await confirm(here, task, prepared.plan);
  await here.uninterrupted(() => doAndTell(here, wanted, prepared));
}

/** Refuses before the caller has to prove anything. */
async function refuseImpossible({ desk, talk, spelled }: Desk, call: DeskCase, task: DeskTask): Promise<void> {
  const refuse = (why: string, ...flags: string[]): never => {
    talk.line();
    talk.bad(`The support desk cannot do this: ${why.replaceAll('\n', '; ')}.`);
    talk.line('Pass it on to an SRE, who can run:');
    talk.line(`  ${spelled(desk.expertLine(call.person, task, ...flags))}`);
    talk.say('I have to pass this on to my colleagues. They will call you back.');
    throw new CallEnded();
  };
  try {
    if (task === 'unlock' && call.status.lock?.until === 'infinity') {
      refuse('100 codes in a row were refused', '--reset-consecutive');
    }
    const { changes } = await desk.preview(call.person, task);
    if (!changes) throw new CallEnded(nothingToDo(task));
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    if (error.code === 'E_BREAK_GLASS') refuse(String(error.why), '--break-glass');
    if (error.code !== 'E_MFA_STATE' && error.code !== 'E_UNSUPPORTED') throw error;
    throw new CallEnded(`Not possible: ${error.message}.`);
  }
}

const nothingToDo = (task: DeskTask): string =>
  task === 'unlock'
    ? 'This account is not locked. If codes are refused, choose 2 in the menu.'
    : 'This account has no two-step sign-in to remove. Nothing was changed.';

/** Asks for ticket and reason until both are valid. */
async function askWhy({ desk, talk }: Desk): Promise<Pick<DeskChange, 'reason' | 'ticket'>> {
  const { ticketPattern: pattern } = desk;
  const example = pattern === null ? null : exampleOf(pattern);
  talk.line();
  let ticket: string | null;
  for (;;) {
    const asked = example === null ? 'Ticket number' : `Ticket number, for example ${example}`;
    ticket = (await talk.ask(asked, pattern === null ? 'no ticket' : undefined)) || null;
    if (desk.ticketProblem(ticket) === null) break;
    const like = example === null ? `match ${pattern}` : `look like ${example}`;
    talk.warn(ticket === null ? 'A ticket number is required.' : `'${ticket}' does not ${like}.`);
  }
  for (;;) {
    const reason = await talk.ask('Reason, one sentence for the journal');
    if (desk.reasonProblem(reason) === null) return { reason, ticket };
    talk.warn('Too short. Write what happened, for example: lost phone, called back at the number on file');
  }
}

/** Returns an example for a simple pattern (`SUP-1234` for `^SUP-[0-9]+$`), else null. */
function exampleOf(pattern: string): string | null {
  const begin = /^\^([A-Za-z]+[-#/]?)(?:\[0-9\]|\\d)(?:\+|\*|\{[\d,]+\})?\$$/.exec(pattern)?.[1];
  return begin !== undefined && new RegExp(pattern).test(`${begin}1234`) ? `${begin}1234` : null;
}

async function confirm(
  { desk, talk, spelled }: Desk,
  task: DeskTask,
  { change: plan, phrase }: DeskPlan,
): Promise<void> {
  talk.line();
  talk.line(`You are about to ${TASK_WORDS[task]}:`);
  for (const step of stepsInWords(task, plan)) talk.line(`  - ${step}`);
  if (desk.hasMail) talk.line('  - the user, and any colleague who vouched, is notified by mail');
  for (const text of plan.caution.warnings) talk.warn(spelled(text));
  for (let left = TRIES - 1; left >= 0; left -= 1) {
    const typed = await talk.ask(`Type '${phrase}' to continue`, 'cancel');
    // Typing it shows intent; case, spacing and the quotes around it do not matter.
    const plain = typed.replace(/^'(.*)'$/, '$1').replace(/\s+/g, ' ');
    if (plain.toLowerCase() === phrase.toLowerCase()) return;
    if (typed === '') break;
    if (left > 0) talk.line(`That is not '${phrase}'. ${left} ${left === 1 ? 'try' : 'tries'} left.`);
  }
  throw new CallEnded('Canceled: nothing was changed.');
}

async function doAndTell(here: Desk, wanted: DeskChange, { apply }: Prepared<DeskPlan, ChangeResult>): Promise<void> {
  const { desk, talk, sitting } = here;
  const { task } = wanted;
  sayDone(here, task, await apply());
  const owed = await desk.tell(wanted);
  for (const { name, email, why } of owed) {
    const who = email === null ? name : `${name} (${email})`;
    sitting.owed.push(`Tell ${who} what support did: ${TASK_WORDS[task]}. They were not notified by mail: ${why}.`);
  }
  if (!desk.hasMail) talk.line('No mail server is configured: nobody was notified by mail.');
  else if (owed.length === 0) talk.good('notified by mail');
  for (const text of sitting.owed) talk.bad(`TO DO  ${text}`);
  talk.line();
  talk.say(SAY_DONE[task]);
}

function sayDone({ talk, sitting }: Desk, task: DeskTask, { person, journal_seq, sessions_ended }: ChangeResult): void {
  const count = sessions_ended === 1 ? '1 session' : `${sessions_ended} sessions`;
  const ended = sessions_ended === null || task !== 'reset' ? '' : `, ${count} ended`;
  talk.good(`done${ended}. Recorded as journal ${journal_seq}`);
  sitting.helped.push({ task, person: person.name, journal_seq });
  sitting.done.push(`${task} of ${person.name} (journal ${journal_seq})`);
}

/** Shows codes once, to a user who is present, on a screen that is then wiped. */
const onScreen = ({ readyToShow, showOnce }: Desk, use: string) => ({
  to: 'the screen',
  async prepare() {
    await readyToShow('the backup codes');
    return async () => {};
  },
  hand: async (lines: readonly string[]) => void (await showOnce((size) => codesScreen(lines, use, size))),
});
