import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { threeDPot } from '../../src/applications/3dpot.js';
import type { Adapter, Application } from '../../src/applications/application.js';
import { evo } from '../../src/applications/evo.js';
import { native } from '../../src/applications/native.js';
import { viu } from '../../src/applications/viu.js';
import { grantsSql } from '../../src/grants/grants-sql.js';
import { ORCHARD } from '../fixtures/applications/orchard.js';
import { freshDatabase } from '../support/database.js';
import { engineOn, into } from '../support/mfa-engine.js';
import { temporaryFolder } from '../support/tree.js';
import { applicationContract } from './application.js';
import { known } from './application-known.js';

applicationContract(known('3dpot', threeDPot));
applicationContract(known('viu', viu));
applicationContract(known('evo', evo));
applicationContract(known('evo-production', evo));
applicationContract(known('native', native));
applicationContract(ORCHARD);

/** The made-up application before it had second factors. */
const bare = (): Adapter => {
  const { mfa: _mfa, formOf: _form, ...adapter } = ORCHARD.adapter;
  const without = ({ mfa: _gone, ...application }: Application): Application => application;
  return { ...adapter, in: (schema) => without(adapter.in(schema)) };
};

test('an application without second factors refuses every mfa use case and changes nothing', async () => {
  const database = await freshDatabase({ schema: await ORCHARD.sql() });
  const config = path.join(await temporaryFolder(), 'config.yaml');
  await writeFile(config, 'profiles: { test: {} }\n');
  const mfa = await engineOn({ database, config }, { applications: [bare()] });
  const [user, place, code] = ['ana@example.com', into('/nowhere/file'), async () => '123456'] as const;
  const useCases: readonly (() => Promise<unknown>)[] = [
    ...[() => mfa.status(user), () => mfa.stats(), () => mfa.check({ keys: false }), () => mfa.explain({ user })],
    ...[
      () => mfa.verify({ user, code, trustClock: true }),
      () => mfa.codes({ user, place }),
      () => mfa.reset({ user }),
    ],
    ...[() => mfa.enroll({ user, place, label: 'phone', issuer: null, another: false }), () => mfa.disable({ user })],
    ...[() => mfa.confirm({ user, code, place, trustClock: true }), () => mfa.rotate({ to: null, batch: 1 })],
    ...[() => mfa.unlock({ user, resetConsecutive: false }), () => mfa.desk()],
  ];
  for (const useCase of useCases) {
    await expect(useCase()).rejects.toMatchObject({
      ...{ code: 'E_UNSUPPORTED', exitCode: 30, changed: 'nothing' },
      message: "second factors are not supported by 'orchard'",
    });
  }
});

test('grants for support mention second factors only if the application has them', () => {
  const place = { database: 'trees', schema: 'public', installed: true, guardedBy: null } as const;
  const lines = (application: Application) => grantsSql('support', { ...place, application }).join('\n');
  expect(lines(ORCHARD.adapter.in('public'))).toContain('this login can enable and disable second factors');
  expect(lines(bare().in('public'))).not.toMatch(/second factor|This login, also if stolen, can|CAUTION/);
});
