import { text } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import { mfaDeps } from '../mfa-dependencies.js';
import { changeDone, renderChange, renderChangePlan } from './shared/change-screen.js';
import { BREAK_GLASS, USER } from './shared/flags.js';

/** `potctl mfa disable`: off, with everything that belongs to it. */
export const mfaDisable = actionCommand({
  name: 'mfa disable',
  summary: "switch a person's second factor off, backup codes included; sessions go on",
  examples: [
    'potctl mfa disable ana.souza -p prod --reason "phone stolen, account to be closed" --ticket SUP-4812',
    'potctl mfa disable ana.souza -p prod --reason "lost one of two keys" --factor 5b1f7a52-0d1c-4a8e-9a52-0d7e1f3c2b11 --confirm ana.souza',
  ],
  atomic: true,
  needs: ['database'],
  input: {
    user: USER,
    factor: text('--factor <id>', 'only this one of several factors'),
    breakGlass: BREAK_GLASS,
  },

  gate: {
    async prepare({ user, factor, breakGlass }, context) {
      const { planDisable } = await import('../../src/mfa/disable.js');
      const deps = await mfaDeps(context, { purpose: 'mfa.disable', change: true, breakGlass });
      const options = { action: 'disable' as const, factorId: factor ?? null };
      return { deps, options, plan: await planDisable(deps, user, { ...options, dryRun: false }) };
    },
    renderPlan: ({ plan }, view) => renderChangePlan(plan, view),
    phrase: ({ plan }) => plan.phrase,
    isAddition: ({ plan }) => !plan.changes,
  },

  async run(_options, _context, { dryRun, plan: { deps, options, plan } }) {
    const { disable } = await import('../../src/mfa/disable.js');
    return disable(deps, plan, { ...options, dryRun });
  },

  changed: ({ changed }) => changed,
  done: (result) => changeDone(result),
  render: (result, view) =>
    renderChange(result, view, {
      done: ({ person, state }) =>
        state === 'enabled'
          ? ['Switched off', `this factor of ${person.name}; another one is still enabled`]
          : ['Switched off', `${person.name} signs in without a second factor; open sessions go on`],
      unchanged: ({ person }) => `${person.name} has no second factor`,
    }),
});
