import { PotctlError } from '../../src/kernel/errors.js';
import { advice, potctl } from '../../src/kernel/next.js';
import type { DeskDeps } from '../../src/mfa/desk/deps.js';
import type { CallerScript, PracticeScore } from '../../src/mfa/desk/practice.js';
import { flag } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import type { Context } from '../context.js';
import { mfaDeps } from '../mfa-dependencies.js';
import type { Terminal } from '../ui/terminal.js';
import type { View } from '../ui/view.js';
import type { HelpedPerson, Sitting } from './shared/desk/desk.js';
import { type Callers, OUTCOME_WORDS } from './shared/desk/practice-talk.js';

interface Result {
  readonly helped: readonly HelpedPerson[];
  readonly owed: readonly string[];
  /** How each call of a practice went; null = it was not one. */
  readonly practice: readonly PracticeScore[] | null;
}

/** `potctl support`: a desk for those who are on the phone. */
export const support = actionCommand({
  name: 'support',
  summary: 'guide support staff through a call: verify who is calling, then help',
  examples: ['potctl support -p prod', 'potctl support -p prod --operator carla.souza', 'potctl support --practice'],
  needs: ['database'],
  input: {
    practice: flag('--practice', 'rehearse with three scripted callers on a throw-away PostgreSQL; nothing is real'),
  },
  asks: true,

  async run({ practice }, context): Promise<Result> {
    const terminal = requireTerminal(context);
    const sitting: Sitting = { done: [], owed: [], helped: [] };
    if (practice) return { helped: [], owed: [], practice: await rehearse(context, terminal, sitting) };
    const deps = await deskDeps(context);
    await sit(context, deps, sitting, { terminal }).catch((error: unknown) => leaveEarly(error, sitting));
    return { helped: sitting.helped, owed: sitting.owed, practice: null };
  },

  changed: ({ helped }) => helped.length > 0,
  exitCode: ({ owed, practice }) => (owed.length > 0 || practice?.some(({ right }) => !right) ? 3 : 0),
  render({ helped, owed, practice }, view) {
    if (practice !== null) return renderScore(practice, view);
    view.note(
      helped.length === 0 ? 'The desk is closed. Nobody was helped.' : `The desk is closed. Helped: ${helped.length}.`,
    );
    for (const { task, person, journal_seq: seq } of helped) view.note(`  ${task} of ${person}, journal ${seq}`);
    for (const text of owed) view.note(`${view.paint('bad', 'TO DO')}  ${text}`);
  },
});

/** Everything here is a question, so there must be somebody who answers. @throws E_CONFIRM_REQUIRED */
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

async function deskDeps(context: Context): Promise<DeskDeps> {
  const { createMailer } = await import('../../src/notify/mail.js');
  const { email } = (await context.settings()).notify;
  return { ...(await mfaDeps(context, { purpose: 'support' })), mail: email === null ? null : createMailer(email) };
}

interface Seat {
  readonly terminal: Terminal;
  /** Only in a practice. */
  readonly callers?: Callers;
}

async function sit(context: Context, deps: DeskDeps, sitting: Sitting, { terminal, callers }: Seat): Promise<void> {
  const { openDesk } = await import('../../src/mfa/desk/case.js');
  const { createTalk } = await import('./shared/desk/talk.js');
  const { createPracticeTalk } = await import('./shared/desk/practice-talk.js');
  const { takeCalls } = await import('./shared/desk/calls.js');
  const talk = callers ? createPracticeTalk(createTalk(terminal), callers) : createTalk(terminal);
  const { role } = await openDesk(deps);
  talk.line();
  if (callers) talk.line('Practice: nothing here is real. Lines with ☎ are what you hear.');
  else talk.line(`Support desk. You are ${context.operator} (database role ${role}). Everything here is recorded.`);
  talk.line('Answer with a number. 0 ends a call at any time, and nothing is left half done.');
  const { uninterrupted, live } = context;
  const { readyToShow, showOnce } = terminal;
  await takeCalls({
    deps,
    talk,
    sitting,
    clock: live.clock,
    spelled: live.spelled,
    uninterrupted,
    readyToShow,
    showOnce,
  });
}

async function rehearse(context: Context, terminal: Terminal, sitting: Sitting): Promise<PracticeScore[]> {
  const { openPractice } = await import('../practice.js');
  const { CALLERS } = await import('../../src/mfa/desk/practice.js');
  const { codeShownAt } = await import('../../src/mfa/totp.js');
  const practice = await openPractice(context);
  try {
    const heard: CallerScript[] = [];
    const callers: Callers = {
      next() {
        const caller = CALLERS[heard.length];
        if (caller !== undefined) heard.push(caller);
        return caller ?? null;
      },
      digits: () => /\b\d{3} \d{3}\b/.exec(practice.letter()?.text ?? '')?.[0] ?? '',
      appCode({ username, phoneOffS }) {
        const now = context.clock.now().getTime();
        return phoneOffS === null ? null : codeShownAt(practice.held.get(username)!.secret, now + phoneOffS * 1_000);
      },
      backupCode: ({ username, hasCode }) => (hasCode ? practice.held.get(username)!.code : ''),
    };
    await sit(context, practice.deps, sitting, { terminal, callers });
    return await practice.score(heard);
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
  view.note(advice`Nothing is left of it. To rehearse again:  ${potctl('support', '--practice')}`);
}

/** Whatever ends the desk must not say that nothing was changed, when an earlier call did change something. */
function leaveEarly(error: unknown, { done, owed }: Sitting): void {
  if (!(error instanceof PotctlError) || done.length === 0) throw error;
  if (error.code === 'E_CANCELLED') return;
  const isOpen = error.changed === 'unknown';
  throw error.with({
    changed: isOpen ? 'unknown' : owed.length > 0 ? 'partial' : 'complete',
    changedDetail: [error.changedDetail, `finished before: ${done.join(', ')}`, ...owed].filter(Boolean).join('; '),
  });
}
