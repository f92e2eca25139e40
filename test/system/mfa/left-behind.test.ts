import path from 'node:path';
import { expect, test } from 'vitest';
import { threeDPot } from '../../../src/applications/3dpot.js';
import { viu } from '../../../src/applications/viu.js';
import { readStoredSecret } from '../../../src/mfa/stored-secret.js';
import { codeAt, type Form, mfaSite, newSecret, WHY } from '../../support/mfa.js';
import { FORMS } from '../../support/mfa-forms.js';

/** As the applications do: the codes stay. */
const SWITCH_OFF: Partial<Record<Form, string>> = {
  '3dpot': 'update users set mfa_enabled = false, mfa_secret = null where id = $1',
  viu: 'update usuarios set "twoFactorEnabled" = false, "twoFactorSecret" = null where id = $1',
  native: 'delete from potctl_app.mfa_factors where user_id = $1',
};

test.each<Form>(['3dpot', 'viu', 'native'])(
  'backup codes of an earlier factor do not work again with a new one: %s',
  async (form) => {
    const site = await mfaSite(form, { here: true });
    const who = await site.seed();
    await site.enable(who, ['1234-5678', '2345-6789']);
    await site.database.query(SWITCH_OFF[form]!, [who.id]);
    const to = ['--secret-to', path.join(site.folder, 'secret')];
    const args = ['enroll', who.id, ...WHY, '--confirm', who.name, ...to];
    const dry = await site.mfa([...args, '--dry-run']);
    expect(dry.stdout + dry.stderr).toContain('2 backup codes of an earlier factor stop working');
    const { exitCode, doc } = await site.json(args);
    expect({ exitCode, result: doc.result }).toMatchObject({
      exitCode: 0,
      result: { codes_left: 0, state: 'pending' },
    });
    const left = await site.database.query<{ codes: string[] }>(FORMS[form].stored, [who.id]);
    expect(left).toMatchObject([{ codes: [] }]);
  },
);

test('a lock without an end is shown, listed, explained and can be removed', async () => {
  const site = await mfaSite('3dpot', { here: true });
  const who = await site.seed();
  await site.enable(who);
  await site.database.query(`update users set locked_until = 'infinity' where id = $1`, [who.id]);
  expect((await site.json(['status', who.id])).doc.item.lock).toEqual({ by: 'application', until: 'infinity' });
  expect((await site.mfa(['list', '--state', 'locked', '-o', 'table'])).stdout).toContain('forever');
  expect((await site.json(['explain', who.id])).doc.item).toMatchObject({
    verdict: { code: 'locked', text: 'the application has locked this user permanently' },
  });
  const unlocked = await site.json(['unlock', who.id, ...WHY, '--confirm', who.name]);
  expect(unlocked).toMatchObject({ exitCode: 0, doc: { changed: true } });
  expect(await site.database.query('select locked_until from users where id = $1', [who.id])).toEqual([
    { locked_until: null },
  ]);
});

test('an enrollment that the application confirmed does not count as an expired one', async () => {
  const site = await mfaSite('3dpot', { here: true });
  const [done, waiting] = [await site.seed(), await site.seed()];
  for (const who of [done, waiting]) {
    const file = path.join(site.folder, who.id);
    const args = ['enroll', who.id, ...WHY, '--confirm', who.name, '--secret-to', file];
    expect((await site.mfa(args)).exitCode).toBe(0);
  }
  await site.database.query('update users set mfa_enabled = true where id = $1', [done.id]);
  await site.database.query(`update potctl.mfa_enrollment set started_at = now() - interval '25 hours'`);
  const { doc } = await site.json(['check']);
  const rules = Object.fromEntries(
    doc.item.rules.map(({ id, detail }: { id: string; detail: string }) => [id, detail]),
  );
  expect(rules['sec.pending_old']).toBe('pending enrollments older than 24 hours: 1');
});

test.each(['3dpot', 'viu'] as const)(
  '%s: codes of a secret that the application replaced do not count as used for the new one',
  async (form) => {
    const site = await mfaSite(form, { here: true });
    const who = await site.seed();
    for (let n = 0; n < 2; n += 1) {
      const secret = await site.enable(who);
      const accepted = await site.json(['verify', who.id, '--code-stdin'], { stdin: codeAt(secret) });
      expect(accepted).toMatchObject({ exitCode: 0 });
    }
  },
);

test('an enrollment of the application does not get the age of an earlier one of potctl', async () => {
  const site = await mfaSite('3dpot', { here: true });
  const who = await site.seed();
  const file = path.join(site.folder, 'secret');
  expect((await site.mfa(['enroll', who.id, ...WHY, '--confirm', who.name, '--secret-to', file])).exitCode).toBe(0);
  await site.database.query(`update potctl.mfa_enrollment set started_at = now() - interval '25 hours'`);
  expect((await site.json(['status', who.id])).doc.item.pending_expired).toBe(true);
  const secret = newSecret();
  await site.database.query(`update users set mfa_secret = $2, updated_at = now() at time zone 'UTC' where id = $1`, [
    who.id,
    secret,
  ]);
  expect((await site.json(['status', who.id])).doc.item.pending_expired).toBe(false);
  const confirm = ['confirm', who.id, ...WHY, '--code-stdin', '--codes-to', path.join(site.folder, 'codes')];
  expect(await site.json(confirm, { stdin: codeAt(secret) })).toMatchObject({ exitCode: 0 });
});

test('a backup code that is not text is ignored, and the others still work', async () => {
  const site = await mfaSite('3dpot', { here: true });
  const who = await site.seed();
  await site.enable(who);
  await site.database.query(`update users set mfa_backup_codes = '[null, "1234-5678"]' where id = $1`, [who.id]);
  const used = await site.json(['verify', who.id, '--code-stdin'], { stdin: '1234-5678' });
  expect(used).toMatchObject({ exitCode: 0 });
});

const SECRETS = [
  ...['JBSWY3DP', 'JBSWY3DPEHPK3PXP', 'JBSWY3DPEHPK3PXPA', 'JBSWY3DPEHPK3PXPAA', 'JBSWY3DPEHPK3PXPAAA'],
  ...['JBSWY3DPEHPK3PXP=', 'JBSWY3DPEHPK3PXPAA======', 'jbswy3dpehpk3pxpjbswy3dpehpk3pxp', 'A', 'AA', 'ABC DEF1', ''],
  ...[
    '$2b$10$abcdefghijklmnopqrstuv',
    'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
    'GEZDGNBVGY3TQOJQGEZDGNBVGY',
    'GEZDGNBVGY3TQOJQGEZDGNBV',
  ],
];

test.each([
  ['3dpot' as const, threeDPot],
  ['viu' as const, viu],
])('mfa check counts exactly the secrets that mfa status calls unusable: %s', async (form, application) => {
  const site = await mfaSite(form, { here: true });
  const useless: boolean[] = [];
  for (const secret of SECRETS) {
    await site.enable(await site.seed(), [], secret);
    useless.push(!readStoredSecret(secret, application.mfa.totp).usable);
  }
  const { doc } = await site.json(['check']);
  const rule = doc.item.rules.find(({ id }: { id: string }) => id === 'sec.unusable_secret');
  expect(rule.detail).toBe(`unusable secrets: ${useless.filter(Boolean).length}`);
  expect(useless.filter(Boolean).length).toBeGreaterThan(3);
});
