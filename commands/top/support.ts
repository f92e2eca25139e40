import { PotctlError } from '../../src/kernel/errors.js';
import { advice, potctl } from '../../src/kernel/next.js';
import type { Prepared } from '../../src/kernel/prepared.js';
import type { SupportDesk } from '../../src/mfa/desk/open.js';
import type { PracticeScore } from '../../src/mfa/desk/practice.js';
import type { Callers } from '../../src/mfa/desk/practice-ground.js';
import { flag } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import type { Context } from '../context.js';
import type { Terminal } from '../ui/terminal.js';
import type { View } from '../ui/view.js';
import type { HelpedPerson, Sitting } from './shared/desk/desk.js';
import { OUTCOME_WORDS } from './shared/desk/practice-talk.js';

interface Result {
  readonly helped: readonly HelpedPerson[];
  readonly owed: readonly string[];
  /** How each practice call went; null = no practice. */
  readonly practice: readonly PracticeScore[] | null;
}

const noDryRun = (): PotctlError =>
  new PotctlError('E_USAGE', '`support` has no dry run: it makes changes during the conversation', {
    fix: [advice`Practice on a temporary PostgreSQL server: ${potctl('support', '--practice')}.`],
  });

/** `potctl support`: the support desk, for staff who take calls. */
export const support = actionCommand({
  name: 'support',
  summary: 'help desk: verify a caller, then fix their sign-in',
  examples: ['potctl support -p prod', 'potctl support -p prod --operator carla.souza', 'potctl support --practice'],
  needs: ['database'],
  input: {
    practice: flag('--practice', 'practice with three scripted callers on a temporary PostgreSQL server'),
  },
  asks: true,

  async prepare({ practice }, context): Promise<Prepared<null, Result>> {
    const terminal = requireTerminal(context);
    // Each change is planned and confirmed during the conversation.
    return {
      plan: null,
      dryRun: () => Promise.reject(noDryRun()),
      apply: () => openDesk(context, terminal, practice),
    };
  },

  changed: ({ helped }) => helped.length > 0,
  exitCode: ({ owed, practice }) => (owed.length > 0 || practice?.some(({ right }) => !right) ? 3 : 0),
  render({ helped, owed, practice }, view) {
    if (practice !== null) return renderScore(practice, view);
    view.note(`The desk is closed. Changes made: ${helped.length === 0 ? 'none' : helped.length}.`);
    for (const { task, person, journal_seq: seq } of helped) view.note(`  ${task} of ${person}, journal ${seq}`);
    for (const text of owed) view.note(`${view.paint('bad', 'TO DO')}  ${text}`);
  },
});

async function openDesk(context: Context, terminal: Terminal, practice: boolean): Promise<Result> {
  const sitting: Sitting = { done: [], owed: [], helped: [] };
  if (practice) return { helped: [], owed: [], practice: await runPractice(context, terminal, sitting) };
  const desk = await (await context.potctl.mfa()).desk();
  await sit(context, desk, sitting, { terminal }).catch((error: unknown) => leaveEarly(error, sitting));
  return { helped: sitting.helped, owed: sitting.owed, practice: null };
}

/** @throws E_CONFIRM_REQUIRED without a terminal: the desk consists of questions */
function requireTerminal({ terminal, whyNoTerminal }: Context): Terminal {
  if (terminal !== null) return terminal;
  throw new PotctlError('E_CONFIRM_REQUIRED', `the support desk asks questions, and ${whyNoTerminal}`, {
    fix: [
      'Run it at a terminal, or use the commands:',
      potctl('mfa', 'explain', 'USER'),
      potctl('mfa', 'reset', 'USER', '--reason', '…', '--ticket', '…'),
    ],
  });
}

interface Seat {
  readonly terminal: Terminal;
  /** Only during practice. */
  readonly callers?: Callers;
}

async function sit(
  { potctl, live }: Context,
  desk: SupportDesk,
  sitting: Sitting,
  { terminal, callers }: Seat,
): Promise<void> {
  const { createTalk } = await import('./shared/desk/talk.js');
  const { createPracticeTalk } = await import('./shared/desk/practice-talk.js');
  const { takeCalls } = await import('./shared/desk/calls.js');
  const talk = callers ? createPracticeTalk(createTalk(terminal), callers) : createTalk(terminal);
  const { who, uninterrupted } = potctl.host;
  talk.line();
  if (callers) talk.line('Practice: nothing here is real. Lines with ☎ are what you hear.');
  else talk.line(`Support desk. You are ${who.operator} (database role ${desk.role}). Everything here is recorded.`);
  talk.line('Answer with a number. 0 ends a call at any time, and nothing is left half done.');
  const { readyToShow, showOnce } = terminal;
  const { clock, spelled } = live;
  await takeCalls({ desk, talk, sitting, clock, spelled, uninterrupted, readyToShow, showOnce });
}

async function runPractice(context: Context, terminal: Terminal, sitting: Sitting): Promise<readonly PracticeScore[]> {
  const practice = await (await context.potctl.mfa()).practice((text) => context.live.note(text));
  try {
    await sit(context, practice.desk, sitting, { terminal, callers: practice.callers });
    return await practice.score();
  } finally {
    await practice.close();
  }
}

function renderScore(practice: readonly PracticeScore[], view: View): void {
  for (const { caller, right, outcome } of practice) {
    view.line(
      `${right ? view.paint('good', 'right') : view.paint('bad', 'WRONG')}  ${caller}: ${OUTCOME_WORDS[outcome]}`,
    );
  }
  view.note(advice`The practice database was removed. To practice again:  ${potctl('support', '--practice')}`);
}

/** If an error ends the desk after an earlier call changed something, the error must report that change. */
function leaveEarly(error: unknown, { done, owed }: Sitting): void {
  if (!(error instanceof PotctlError) || done.length === 0) throw error;
  if (error.code === 'E_CANCELED') return;
  const isOpen = error.changed === 'unknown';
  throw error.with({
    changed: isOpen ? 'unknown' : owed.length > 0 ? 'partial' : 'complete',
    changedDetail: [error.changedDetail, `finished before: ${done.join(', ')}`, ...owed].filter(Boolean).join('; '),
  });
}
