import { advice } from '../../src/kernel/next.js';
import { actionCommand } from '../command.js';
import { mfaDeps } from '../mfa-dependencies.js';
import { BREAK_GLASS, CODE_FORM, CODE_STDIN, CODES_TO, TRUST_CLOCK, USER } from './shared/flags.js';
import { codesPlace, handedOut, readCode } from './shared/input.js';

/** `potctl mfa confirm`: the first code is the proof; nothing else has to be typed. */
export const mfaConfirm = actionCommand({
  name: 'mfa confirm',
  summary: 'switch a new second factor on with its first code, and hand out backup codes once',
  examples: [
    'potctl mfa confirm ana.souza -p prod --reason "new phone, person is beside me"',
    'potctl mfa confirm ana.souza -p prod --reason "new phone, by video call" --code-stdin --codes-to ./codes.txt',
  ],
  atomic: true,
  needs: ['database'],
  input: {
    user: USER,
    codeStdin: CODE_STDIN,
    codesTo: CODES_TO,
    codeForm: CODE_FORM,
    trustClock: TRUST_CLOCK,
    breakGlass: BREAK_GLASS,
  },

  async run({ user, codeStdin, codesTo, codeForm, trustClock, breakGlass }, context, { dryRun }) {
    const { confirmCode, planConfirm, unconfirmed } = await import('../../src/mfa/confirm.js');
    const { codesUse } = await import('../../src/mfa/codes.js');
    const deps = await mfaDeps(context, { purpose: 'mfa.confirm', change: true, breakGlass });
    const plan = await planConfirm(deps, user);
    if (!plan.changes || dryRun) return { ...unconfirmed(plan), codes_to: null, codes_use: null };
    const { application } = deps.database;
    const { username, email, id } = plan.record.person;
    const person = { name: username ?? email ?? id, id };
    const form = codeForm ?? deps.policy.codeForm;
    const use = codesUse(application, form);
    const place = application.codes === undefined ? null : await codesPlace(context, codesTo, { person, use });
    const delivery = (await place?.open()) ?? null;
    const code = await readCode(context, codeStdin, 'Code that the app shows now');
    const result = await confirmCode(deps, plan, code, { form, trustClock }, delivery);
    return { ...result, codes_to: delivery?.to ?? null, codes_use: delivery && use };
  },

  changed: ({ changed }) => changed,
  done: ({ person, journal_seq: seq }) => `the second factor of ${person.name} is enabled (journal ${seq})`,
  render({ person, changed, state, codes_to: to, codes_use: use, journal_seq: seq, warnings }, view) {
    if (changed)
      view.note(`${view.paint('good', 'Enabled')}: ${person.name} signs in with the app from now on. Journal ${seq}.`);
    else if (state === 'enabled') view.note(`Nothing to change: the second factor of ${person.name} is enabled.`);
    else view.note(`Dry run: nothing was changed. The right code would enable the second factor of ${person.name}.`);
    if (to !== null) view.note(`${handedOut(to)}: ${use}`);
    for (const text of warnings) view.note(advice`${view.paint('warn', '!')} ${text}`);
  },
});
