import { expect, test } from 'vitest';
import { codeAt, type Form, mfaSite, roomInStep } from '../../support/mfa.js';
import { engineOn, verifyOne } from '../../support/mfa-engine.js';

test.each<[Form, number]>([
  ['3dpot', 1],
  ['viu', 0],
  ['evo-production', 1],
  ['native', 1],
])(
  '%s: a code is accepted up to %i steps from now, as far as its own login accepts it, and no further',
  async (form, window) => {
    const site = await mfaSite(form);
    const mfa = await engineOn(site);
    const who = await site.seed();
    const secret = await site.enable(who);
    // The first use case connects and reads the application's tables.
    await mfa.status(who.id);
    await roomInStep(8);

    const answers: string[] = [];
    // An accepted code uses up those before it, so the earliest comes first.
    for (const offset of [-window - 1, window + 1, -window])
      answers.push(await verifyOne(mfa, who.id, codeAt(secret, offset)));
    if (window > 0) answers.push(await verifyOne(mfa, who.id, codeAt(secret, window)));

    expect(answers).toEqual(['E_CODE_REFUSED', 'E_CODE_REFUSED', 'totp', ...(window > 0 ? ['totp'] : [])]);
  },
);
