import { PotctlError } from '../../../../src/kernel/errors.js';
import type { DeskCase } from '../../../../src/mfa/desk/case.js';
import type { DeskTask } from '../../../../src/mfa/desk/tasks.js';
import { change } from './change.js';
import type { Desk } from './desk.js';
import { findOut } from './diagnosis.js';
import { look, meetPerson } from './person.js';
import { CallEnded, type Choice } from './talk.js';

type Option = DeskTask | 'diagnosis';

const MENU: readonly Choice<Option>[] = [
  { key: '1', text: 'I lost or changed my phone', value: 'reset' },
  { key: '2', text: 'My code is rejected', value: 'diagnosis' },
  { key: '3', text: 'I am locked out', value: 'unlock' },
  { key: '4', text: 'I have no backup codes left', value: 'codes' },
  { key: '5', text: 'I want to turn off two-step sign-in', value: 'disable' },
];

/** Temporary errors: they end the call, not the desk. */
const PASSING: readonly string[] = ['E_MFA_CHANGED', 'E_DB_LOCKED'];

/** Takes one call after another until the operator leaves. */
export async function takeCalls(desk: Desk): Promise<void> {
  for (;;) {
    const choice = await desk.talk.choose('What does the caller need?', MENU, 'leave the desk').catch(unlessEnded);
    if (choice === null) return;
    try {
      await takeCall(desk, choice);
    } catch (error) {
      endCall(desk, error);
    }
  }
}

function unlessEnded(error: unknown): null {
  if (error instanceof CallEnded) return null;
  throw error;
}

function endCall({ talk }: Desk, error: unknown): void {
  if (error instanceof CallEnded) {
    if (error.message !== '') talk.line(error.message);
    return;
  }
  if (!(error instanceof PotctlError) || !PASSING.includes(error.code)) throw error;
  talk.bad(`${error.message}: nothing was changed. Start the call again from the beginning.`);
}

async function takeCall(desk: Desk, choice: Option): Promise<void> {
  const call = await meetPerson(desk);
  if (choice !== 'diagnosis') return help(desk, call, choice);
  const next = await findOut(desk, call);
  // The diagnosis may have used up a code, so the state is read again.
  if (next !== null) await help(desk, await look(desk, call.person), next);
}

async function help(desk: Desk, call: DeskCase, choice: DeskTask): Promise<void> {
  if (choice !== 'unlock') await selfServiceFirst(desk, call);
  const task = choice === 'codes' ? await codesOrReset(desk) : choice === 'disable' ? await resetInstead(desk) : choice;
  await change(desk, call, task);
}

/** Callers who are still signed in can make the change themselves, without proving their identity. */
async function selfServiceFirst({ talk }: Desk, { status }: DeskCase): Promise<void> {
  if (status.sessions === null || status.sessions === 0) return;
  talk.line();
  talk.say('Are you still signed in on a computer? Then open Settings, Security, and change it there.');
  const answer = await talk.choose('Does that help?', [
    { key: '1', text: 'yes: end this call', value: 'yes' },
    { key: '2', text: 'no, continue', value: 'no' },
  ]);
  if (answer === 'yes') throw new CallEnded('Good. Nothing was changed here.');
}

async function codesOrReset({ talk }: Desk): Promise<DeskTask> {
  talk.line();
  talk.line(
    'New backup codes are shown once, on this screen. Never read ten codes over the phone, and never mail them.',
  );
  return talk.choose('Is the person here with you, and can they read this screen?', [
    { key: '1', text: 'yes: new codes', value: 'codes' },
    { key: '2', text: 'no, on the phone: reset two-step sign-in instead', value: 'reset' },
  ]);
}

async function resetInstead({ talk }: Desk): Promise<DeskTask> {
  talk.line();
  talk.line(
    'Without two-step sign-in a stolen password is enough. Most callers only need a reset, to start again on a new phone.',
  );
  return talk.choose('Which one?', [
    { key: '1', text: 'reset two-step sign-in, for a new phone', value: 'reset' },
    { key: '2', text: 'turn it off for good', value: 'disable' },
  ]);
}
