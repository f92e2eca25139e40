import { PotctlError } from '../../src/errors.js';
import type { DeskDeps } from '../../src/mfa/desk/deps.js';
import { actionCommand } from '../command.js';
import type { Context } from '../context.js';
import { mfaDeps } from '../mfa-dependencies.js';
import type { Sitting } from '../ui/desk/desk.js';
import type { Terminal } from '../ui/terminal.js';

/** `potctl support`: a desk for those who are on the phone. */
export const support = actionCommand({
  name: 'support',
  summary: 'the guided desk for support staff: numbered choices, proofs of who is calling, nothing to remember',
  examples: ['potctl support -p prod', 'potctl support -p prod --operator carla.souza'],
  input: {},
  asks: true,

  async run(_input, context) {
    const terminal = requireTerminal(context);
    const deps = await deskDeps(context);
    const sitting: Sitting = { done: [], owed: [], helped: [] };
    await sit(context, terminal, deps, sitting).catch((error: unknown) => leaveEarly(error, sitting));
    return { helped: sitting.helped, owed: sitting.owed };
  },

  changed: ({ helped }) => helped.length > 0,
  exitCode: ({ owed }) => (owed.length > 0 ? 3 : 0),
  render({ helped, owed }, view) {
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
      'Sit down at a terminal, or use the commands for experts:',
      'potctl mfa explain USER',
      'potctl mfa reset USER --reason "…" --ticket …',
    ],
  });
}

async function deskDeps(context: Context): Promise<DeskDeps> {
  const { createMailer } = await import('../../src/notify/mail.js');
  const { email } = (await context.settings()).notify;
  return { ...(await mfaDeps(context, { purpose: 'support' })), mail: email === null ? null : createMailer(email) };
}

async function sit(context: Context, terminal: Terminal, deps: DeskDeps, sitting: Sitting): Promise<void> {
  const { openDesk } = await import('../../src/mfa/desk/case.js');
  const { createTalk } = await import('../ui/desk/talk.js');
  const { takeCalls } = await import('../ui/desk/calls.js');
  const talk = createTalk(terminal);
  const { role } = await openDesk(deps);
  talk.line();
  talk.line(`Support desk · you are ${context.operator} (database role ${role}) · everything here is recorded`);
  talk.line('Answer with a number. 0 always leaves, and nothing is half done.');
  const { uninterrupted, live: formats } = context;
  await takeCalls({ deps, talk, sitting, formats, uninterrupted, showOnce: terminal.showOnce });
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
