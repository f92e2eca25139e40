import { expect, test } from 'vitest';
import { threeDPot } from '../../src/applications/3dpot.js';
import type { Application } from '../../src/applications/application.js';
import { evo } from '../../src/applications/evo.js';
import { native } from '../../src/applications/native.js';
import { viu } from '../../src/applications/viu.js';
import { grantsSql } from '../../src/grants/grants-sql.js';
import { requireMfa } from '../../src/mfa/supported.js';
import { ORCHARD } from '../fixtures/applications/orchard.js';
import { applicationContract } from './application.js';
import { known } from './application-known.js';

applicationContract(known('3dpot', threeDPot));
applicationContract(known('viu', viu));
applicationContract(known('evo', evo));
applicationContract(known('evo-production', evo));
applicationContract(known('native', native));
applicationContract(ORCHARD);

const withoutMfa = (): Application => {
  const { mfa: _mfa, ...application } = ORCHARD.adapter.in('public');
  return application;
};

test('an application without second factors refuses every command about them, and nothing is asked', () => {
  const session = () => Promise.reject(new Error('this asks the database'));
  expect(() => requireMfa({ application: withoutMfa(), schema: 'public', readsSecrets: false, session })).toThrow(
    expect.objectContaining({
      code: 'E_UNSUPPORTED',
      exitCode: 30,
      message: "second factors are not supported by 'orchard'",
    }),
  );
});

test('rights for support on such an application say nothing of second factors', () => {
  const place = { database: 'trees', schema: 'public', installed: true, guardedBy: null } as const;
  const lines = (application: Application) => grantsSql('support', { ...place, application }).join('\n');
  expect(lines(ORCHARD.adapter.in('public'))).toContain('this login can switch second factors off and on');
  expect(lines(withoutMfa())).not.toMatch(/second factor|CAN DO|CAUTION/);
});
