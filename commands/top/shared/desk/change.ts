import { PotctlError } from '../../../../src/kernel/errors.js';
import type { ChangePlan, ChangeResult } from '../../../../src/mfa/change.js';
import type { DeskCase } from '../../../../src/mfa/desk/case.js';
import type { DeskDeps } from '../../../../src/mfa/desk/deps.js';
import type { Proving } from '../../../../src/mfa/desk/proving.js';
import type { DeskTask } from '../../../../src/mfa/desk/tasks.js';
import { codesScreen } from '../../../mfa/shared/codes-screen.js';
import type { Desk } from './desk.js';
import { proveCaller } from './proofs.js';
import { CallEnded } from './talk.js';
import { SAY_DONE, stepsInWords, TASK_WORDS } from './words.js';

const TRIES = 3;

/** From "can it be done at all?" to "tell the caller". @throws CallEnded */
export async function change(desk: Desk, call: DeskCase, task: DeskTask): Promise<void> {
  await refuseImpossible(desk, call, task);
  const proving = await proveCaller(desk, call, task);
  const deps = await askWhy(desk);
  const { planTask } = await import('../../../../src/mfa/desk/tasks.js');
  const plan = await planTask(deps, call.person, task);
  await confirm(desk, task, plan, deps);
  await desk.uninterrupted(() => doAndTell(desk, deps, { task, plan, call, proving }));
}

/** Nobody should prove anything for what will be refused anyway. */
async function refuseImpossible({ deps, talk, spelled }: Desk, call: DeskCase, task: DeskTask): Promise<void> {
  const { expertLine, previewTask } = await import('../../../../src/mfa/desk/tasks.js');
  const refuse = (why: string, ...flags: string[]): never => {
    talk.line();
    talk.bad(`The desk cannot do this: ${why.replaceAll('\n', '; ')}.`);
    talk.line('Pass it on to an SRE, who can run:');
    talk.line(`  ${spelled(expertLine(deps, call.person, task, ...flags))}`);
    talk.say('I have to pass this on to my colleagues. They will call you back.');
    throw new CallEnded();
  };
  try {
    if (task === 'unlock' && call.status.lock?.until === 'infinity') {
      refuse('100 codes in a row were refused', '--reset-consecutive');
    }
    const { changes } = await previewTask(deps, call.person, task);
    if (!changes) throw new CallEnded(nothingToDo(task));
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    if (error.code === 'E_BREAK_GLASS') refuse(String(error.why), '--break-glass');
    if (error.code !== 'E_MFA_STATE' && error.code !== 'E_UNSUPPORTED') throw error;
    throw new CallEnded(`This is not possible: ${error.message}.`);
  }
}

const nothingToDo = (task: DeskTask): string =>
  task === 'unlock'
    ? 'This account is not locked. If codes are refused, choose 2 in the menu.'
    : 'This account has no two-step sign-in to remove. Nothing was changed.';

/** Ticket and reason, until both are good enough for the record. */
async function askWhy({ deps, talk }: Desk): Promise<DeskDeps> {
  const { reasonProblem, ticketProblem } = await import('../../../../src/mfa/reason.js');
  const { policy } = deps;
  const example = policy.ticket === null ? null : exampleOf(policy.ticket);
  talk.line();
  let ticket: string | null;
  for (;;) {
    const asked = example === null ? 'Ticket number' : `Ticket number, for example ${example}`;
    ticket = (await talk.ask(asked, policy.ticket === null ? 'there is none' : undefined)) || null;
    if (ticketProblem(ticket, policy) === null) break;
    const like = example === null ? `match ${policy.ticket}` : `look like ${example}`;
    talk.warn(ticket === null ? 'A ticket number is required.' : `'${ticket}' does not ${like}.`);
  }
  for (;;) {
    const reason = await talk.ask('Why? One sentence for the record');
    if (reasonProblem(reason) === null) return { ...deps, actor: { ...deps.actor, reason, ticket } };
    talk.warn('That says too little. Write what happened, for example: lost phone, called back at the number on file');
  }
}

/** `^SUP-[0-9]+$` says less to most people than `SUP-1234`; null where a pattern is not that simple. */
function exampleOf(pattern: string): string | null {
  const begin = /^\^([A-Za-z]+[-#/]?)(?:\[0-9\]|\\d)(?:\+|\*|\{[\d,]+\})?\$$/.exec(pattern)?.[1];
  return begin !== undefined && new RegExp(pattern).test(`${begin}1234`) ? `${begin}1234` : null;
}

async function confirm({ talk, spelled }: Desk, task: DeskTask, plan: ChangePlan, deps: DeskDeps): Promise<void> {
  const { phraseOf } = await import('../../../../src/mfa/desk/tasks.js');
  const phrase = phraseOf(task, plan);
  talk.line();
  talk.line(`You are about to ${TASK_WORDS[task]}:`);
  for (const step of stepsInWords(task, plan)) talk.line(`  - ${step}`);
  if (deps.mail !== null) talk.line('  - a mail tells the person, and whoever vouched, what was done');
  for (const text of plan.caution.warnings) talk.warn(spelled(text));
  for (let left = TRIES - 1; left >= 0; left -= 1) {
    const typed = await talk.ask(`Type  ${phrase}  to continue`, 'cancel');
    // It is typed to make sure, not to test the keyboard.
    if (typed.replace(/\s+/g, ' ').toLowerCase() === phrase.toLowerCase()) return;
    if (typed === '') break;
    if (left > 0) talk.line(`That is not '${phrase}'. ${left} ${left === 1 ? 'try' : 'tries'} left.`);
  }
  throw new CallEnded('Canceled: nothing was changed.');
}

interface Work {
  readonly task: DeskTask;
  readonly plan: ChangePlan;
  readonly call: DeskCase;
  readonly proving: Proving;
}

async function doAndTell(desk: Desk, deps: DeskDeps, work: Work): Promise<void> {
  const { carryOut } = await import('../../../../src/mfa/desk/tasks.js');
  const { tellPeople } = await import('../../../../src/mfa/desk/tell.js');
  const { task, call, proving } = work;
  const { codesUse } = await import('../../../../src/mfa/codes.js');
  const use = codesUse(deps.database.application, deps.policy.codeForm);
  const result = await carryOut(deps, { ...work, delivery: onScreen(desk, use) });
  sayDone(desk, task, result);
  const proofs = proving.given();
  const owed = await tellPeople(deps, { person: call.person, action: task, proofs });
  for (const { name, email, why } of owed) {
    const who = email === null ? name : `${name} (${email})`;
    desk.sitting.owed.push(`Tell ${who} that support did this: ${TASK_WORDS[task]}. No mail was sent: ${why}.`);
  }
  if (deps.mail === null) desk.talk.line('No mail server is configured: nobody was notified by mail.');
  else if (owed.length === 0) desk.talk.good('notified by mail');
  for (const text of desk.sitting.owed) desk.talk.bad(`TO DO  ${text}`);
  desk.talk.line();
  desk.talk.say(SAY_DONE[task]);
}

function sayDone({ talk, sitting }: Desk, task: DeskTask, { person, journal_seq, sessions_ended }: ChangeResult): void {
  const count = sessions_ended === 1 ? '1 session' : `${sessions_ended} sessions`;
  const ended = sessions_ended === null || task !== 'reset' ? '' : `, ${count} ended`;
  talk.good(`done${ended}. Record: journal ${journal_seq}`);
  sitting.helped.push({ task, person: person.name, journal_seq });
  sitting.done.push(`${task} of ${person.name} (journal ${journal_seq})`);
}

/** Codes are seen once, on a screen that is wiped, by a person who is beside it. */
const onScreen = ({ readyToShow, showOnce }: Desk, use: string) => ({
  to: 'the screen',
  async prepare() {
    await readyToShow('the backup codes');
    return async () => {};
  },
  hand: async (lines: readonly string[]) => void (await showOnce((size) => codesScreen(lines, use, size))),
});
