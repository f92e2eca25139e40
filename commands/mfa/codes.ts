import { actionCommand } from '../command.js';
import type { Context } from '../context.js';
import { mfaDeps } from '../mfa-dependencies.js';
import { changeDone, renderChange, renderChangePlan } from './shared/change-screen.js';
import { BREAK_GLASS, CODE_FORM, CODES_TO, USER } from './shared/flags.js';
import { codesPlace, handedOut } from './shared/input.js';

/** `potctl mfa codes`: a new set, all old ones dead in the same statement. */
export const mfaCodes = actionCommand({
  name: 'mfa codes',
  summary: 'replace all backup codes of a person; the new ones are shown once',
  examples: [
    'potctl mfa codes ana.souza -p prod --reason "sheet with codes was lost" --ticket SUP-4813',
    'potctl mfa codes ana.souza -p prod --reason "sheet with codes was lost" --codes-to ./codes.txt --confirm ana.souza',
  ],
  atomic: true,
  needs: ['database'],
  input: { user: USER, codesTo: CODES_TO, codeForm: CODE_FORM, breakGlass: BREAK_GLASS },

  gate: {
    async prepare({ user, codesTo, codeForm, breakGlass }, context: Context) {
      const { codesUse, planCodes } = await import('../../src/mfa/codes.js');
      const deps = await mfaDeps(context, { purpose: 'mfa.codes', change: true, breakGlass });
      const form = codeForm ?? deps.policy.codeForm;
      const plan = await planCodes(deps, user, { form, dryRun: false });
      const person = { name: plan.phrase, id: plan.record.person.id };
      const use = codesUse(deps.database.application, form);
      return { deps, form, plan, place: await codesPlace(context, codesTo, { person, use }) };
    },
    renderPlan: ({ plan }, view) => renderChangePlan(plan, view),
    phrase: ({ plan }) => plan.phrase,
  },

  async run(_options, _context, { dryRun, plan: { deps, form, plan, place } }) {
    const { codesUse, replaceCodes } = await import('../../src/mfa/codes.js');
    const { nowhere } = await import('../../src/mfa/delivery.js');
    const delivery = dryRun ? nowhere(place.to) : await place.open();
    const result = await replaceCodes(deps, plan, { form, dryRun }, delivery);
    return { ...result, codes_to: delivery.to, codes_use: codesUse(deps.database.application, form) };
  },

  changed: ({ changed }) => changed,
  done: (result) => changeDone(result),
  render(result, view) {
    renderChange(result, view, {
      done: ({ person, codes_left: count }) => [
        'Replaced',
        `${person.name} has ${count} new backup codes, and no others`,
      ],
    });
    if (result.changed) view.note(`${handedOut(result.codes_to)}: ${result.codes_use}`);
  },
});
