import { actionCommand } from '../command.js';
import { mfaDeps } from '../mfa-dependencies.js';
import { BREAK_GLASS, CODE_FORM, CODE_STDIN, CODES_TO, TRUST_CLOCK, USER } from '../mfa-flags.js';
import { codesPlace, readCode } from '../mfa-input.js';

/** `potctl mfa confirm`: the first code is the proof; nothing else has to be typed. */
export const mfaConfirm = actionCommand({
  name: 'mfa confirm',
  summary: 'switch a new second factor on with its first code, and hand out backup codes once',
  examples: [
    'potctl mfa confirm ana.souza -p prod --reason "new phone, person is beside me"',
    'potctl mfa confirm ana.souza -p prod --reason "new phone, by video call" --code-stdin --codes-to ./codes.txt',
  ],
  atomic: true,
  input: {
    user: USER,
    codeStdin: CODE_STDIN,
    codesTo: CODES_TO,
    codeForm: CODE_FORM,
    trustClock: TRUST_CLOCK,
    breakGlass: BREAK_GLASS,
  },

  async run({ user, codeStdin, codesTo, codeForm, trustClock, breakGlass }, context, { dryRun }) {
    const { confirmCode, confirmedAlready, planConfirm } = await import('../../src/mfa/confirm.js');
    const deps = await mfaDeps(context, { purpose: 'mfa.confirm', change: true, breakGlass });
    const plan = await planConfirm(deps, user);
    if (!plan.changes || dryRun) return { ...confirmedAlready(plan), codes_to: null };
    const hasCodes = deps.database.application.codes !== undefined;
    const { username, email, id } = plan.record.person;
    const place = hasCodes ? await codesPlace(context, codesTo, { name: username ?? email ?? id, id }) : null;
    const delivery = (await place?.open()) ?? null;
    const code = await readCode(context, codeStdin, 'Code that the app shows now');
    const form = codeForm ?? deps.policy.codeForm;
    const result = await confirmCode(deps, plan, code, { form, trustClock }, delivery);
    return { ...result, codes_to: delivery?.to ?? null };
  },

  changed: ({ changed }) => changed,
  done: ({ person, journal_seq: seq }) => `the second factor of ${person.name} is enabled (journal ${seq})`,
  render({ person, changed, state, codes_to: to, journal_seq: seq, warnings }, view) {
    if (!changed) return view.note(`Nothing was changed: ${person.name} is ${state}.`);
    view.note(
      `${view.paint('good', 'Switched on')}: ${person.name} signs in with the app from now on. Journal ${seq}.`,
    );
    if (to !== null) view.note(`Ten backup codes were given to ${to}; they are not shown again.`);
    for (const text of warnings) view.note(`${view.paint('warn', '!')} ${text}`);
  },
});
