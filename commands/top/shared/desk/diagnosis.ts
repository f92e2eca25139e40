import { PotctlError } from '../../../../src/kernel/errors.js';
import type { DeskCase } from '../../../../src/mfa/desk/case.js';
import type { DeskTask } from '../../../../src/mfa/desk/tasks.js';
import type { Diagnosis } from '../../../../src/mfa/diagnosis.js';
import type { Desk } from './desk.js';
import { TASK_WORDS, VERDICT_WORDS } from './words.js';

/** Verdicts that a code can make more precise. */
const NEEDS_CODE: readonly string[] = ['nothing_found', 'server_clock'];

/** Verdicts whose own text has a useful time or number; that of the others only repeats the plain words. */
const WITH_FIGURES: readonly string[] = ['locked', 'blocked', 'clock_slow', 'clock_fast', 'code_late', 'backup_code'];

/** Finds out why a code is refused. @returns the task that the operator chose next; null = none. @throws CallEnded */
export async function findOut(here: Desk, call: DeskCase): Promise<DeskTask | null> {
  const { desk, talk, spelled } = here;
  let diagnosis = await desk.explain(call.person, null);
  const canCheck = call.status.state === 'enabled' && desk.readsSecrets;
  if (canCheck && NEEDS_CODE.includes(diagnosis.verdict.code)) diagnosis = await withCode(here, call);
  const { code, text } = diagnosis.verdict;
  const words = VERDICT_WORDS[code] ?? { means: text, say: '', next: 'expert' as const };
  talk.line();
  talk.line(words.means);
  if (WITH_FIGURES.includes(code)) talk.line(`(${text})`);
  if (words.say !== '') talk.say(words.say);
  if (words.next === null) return null;
  if (words.next === 'expert') {
    talk.line('Pass this on to an SRE, with:');
    for (const one of diagnosis.next) talk.line(`  ${spelled(one)}`);
    return null;
  }
  return talk.choose(
    'What next?',
    [{ key: '1', text: `${TASK_WORDS[words.next]} (the caller must prove their identity)`, value: words.next }],
    'end this call; the caller tries again',
  );
}

async function withCode({ desk, talk, sitting }: Desk, { person }: DeskCase): Promise<Diagnosis> {
  talk.line();
  talk.say('Open the app, wait for new digits, and read them to me. Each code works once, so this one is used up.');
  for (;;) {
    const typed = await talk.askHidden('Digits (not shown)');
    try {
      const diagnosis = await desk.explain(person, typed);
      sitting.done.push('a code was checked and is used up');
      return diagnosis;
    } catch (error) {
      if (!(error instanceof PotctlError) || error.code !== 'E_USAGE') throw error;
      talk.line('That is not a code. Type six digits. This was not counted as a failure.');
    }
  }
}
