import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { refusalOf } from '../../support/bad-input.js';
import { ALL_FORMS, codeAt, mfaSite, roomInStep, WHY } from '../../support/mfa.js';
import { FORMS } from '../../support/mfa-forms.js';
import { plainRole } from '../../support/mfa-role.js';

describe.each(ALL_FORMS)('%s: every result describes the actual state', (form) => {
  test('for enroll, confirm, codes and disable, and for repeating each', async () => {
    const site = await mfaSite(form, { here: true });
    const who = await site.seed({ sessions: FORMS[form].session === null ? 0 : 2 });
    const file = (name: string): string => path.join(site.folder, name);
    const codes = (name: string): string[] => (FORMS[form].codeKind === null ? [] : ['--codes-to', file(name)]);
    const said = async (args: readonly string[], stdin = ''): Promise<string> => {
      const ran = await site.mfa([args[0]!, who.id, ...args.slice(1), ...WHY], { stdin });
      expect([args, ran.exitCode, ran.exitCode === 0 ? '' : ran.stderr]).toEqual([args, 0, '']);
      return ran.stderr;
    };
    const gate = ['--confirm', who.name];

    expect(await said(['unlock', ...gate])).toContain(`Nothing to change: ${who.name} is not locked.`);
    expect(await said(['disable', ...gate])).toContain(`Nothing to change: ${who.name} has no second factor.`);
    expect(await said(['enroll', ...gate, '--secret-to', file('dry'), '-n'])).toMatch(
      /^Dry run: nothing was changed\.$/m,
    );
    const made = await said(['enroll', ...gate, '--secret-to', file('secret')]);
    expect(made).toContain('it is inactive until its first code is confirmed.');
    expect(made).not.toContain('enabled');

    const dry = await said(['confirm', '--code-stdin', ...codes('c'), '-n']);
    expect(dry).toContain('Dry run: nothing was changed. A correct code would enable');
    expect((await site.json(['confirm', who.id, ...WHY, '-n', '--code-stdin', ...codes('c')])).doc).toMatchObject({
      ...{ changed: false, dry_run: true, result: { state: 'pending' } },
    });
    expect(await site.stored(who)).toMatchObject({ enabled: false });

    await roomInStep(10);
    const secret = readFileSync(file('secret'), 'utf8').trim();
    const on = await said(['confirm', '--code-stdin', ...codes('c')], codeAt(secret));
    expect(on).toContain(`Enabled: ${who.name} signs in with the app`);
    if (form === 'viu' || form === '3dpot') expect(on).toContain(`the login of '${form}' does not accept it`);
    if (form === 'native') expect(on).toContain('works once at sign-in');
    if (form.startsWith('evo')) expect(on).not.toContain('codes');
    expect(await said(['confirm', '--code-stdin', ...codes('d')])).toMatch(
      /Nothing to change: .* is already enabled\./,
    );

    const off = await said(['disable', ...gate]);
    expect(off).toContain(`Turned off: ${who.name} now signs in without a second factor`);
    expect(off.match(/Turned off/g)).toHaveLength(1);
    const ended = FORMS[form].session === null ? 'Nothing to change: ' : '2 sessions ended';
    expect(await said(['reset', ...gate])).toContain(ended);
    const again = await said(['reset', ...gate]);
    expect(again).toContain('has no second factor and no open session');
  }, 60_000);

  test('after a hundred refused codes a plain unlock is refused, and the command that it suggests works', async () => {
    const site = await mfaSite(form, { here: true });
    const who = await site.seed();
    await site.enable(who);
    const attempts = `insert into potctl.mfa_attempt (person, kind) select $1, 'totp' from generate_series(1, 100)`;
    await site.database.query(attempts, [who.key]);
    const lock = async (): Promise<unknown> => (await site.json(['status', who.id])).doc.item.lock;
    const unlock = ['unlock', who.id, ...WHY, '--confirm', who.name];
    const { code, exit, fix } = refusalOf(await site.mfa([...unlock, '--json']));
    expect({ code, exit }).toEqual({ code: 'E_MFA_STATE', exit: 30 });
    expect(fix.join()).toContain('--reset-consecutive');
    expect(await lock()).toEqual({ by: 'potctl', until: 'infinity' });
    const done = await site.mfa([...unlock, '--reset-consecutive']);
    expect(done.stderr).toContain(`Unlocked: ${who.name} can try codes again.`);
    expect(await lock()).toBeNull();
  });
});

test('EVO: results tell apart a second factor, a pending one and a disabled one', async () => {
  const site = await mfaSite('evo-production', { here: true });
  const who = await site.seed();
  await site.enable(who);
  const secret = path.join(site.folder, 'secret');
  const made = await site.mfa(['enroll', who.id, ...WHY, '--another', '--confirm', who.name, '--secret-to', secret]);
  expect(made.stderr).toContain('the factor enabled before stays enabled');
  const off = await site.mfa(['disable', who.id, ...WHY, '--confirm', who.name]);
  expect(off.stderr.match(/" is removed|app is removed/g)).toHaveLength(1);
  expect(off.stderr).toContain('the unconfirmed new secret is removed');
});

test.each(['3dpot', 'viu', 'native'] as const)(
  '%s: a state that the role cannot see is unknown in list and statistics, never off',
  async (form) => {
    const site = await mfaSite(form);
    const [on, off, begun] = [await site.seed(), await site.seed(), await site.seed()];
    await site.enable(on);
    const secret = path.join(site.folder, 'secret');
    await site.mfa(['enroll', begun.id, ...WHY, '--confirm', begun.name, '--secret-to', secret]);
    const role = await plainRole(site);
    const hidden = {
      '3dpot': 'select (mfa_secret, mfa_backup_codes) on users',
      viu: 'select ("twoFactorSecret", "twoFactorBackupCodes") on usuarios',
      native: 'select (secret) on potctl_app.mfa_factors',
    }[form];
    await site.database.query(`revoke ${hidden} from ${role.name}`);
    const as = { env: { PGUSER: role.name } };
    const { doc } = await site.json(['list', '--limit', '0'], as);
    const states = new Map(doc.items.map(({ id, state }: { id: string; state: string }) => [id, state]));
    // native keeps the state of a factor in a column of its own, which everybody in support may see.
    const seen = form === 'native' ? ['enabled', 'off', 'pending'] : ['enabled', 'unknown', 'unknown'];
    expect([on, off, begun].map(({ id }) => states.get(id))).toEqual(seen);
    const { item } = (await site.json(['stats'], as)).doc;
    expect(item).toMatchObject(form === 'native' ? { unknown: 0, pending: 1 } : { unknown: 2, pending: 0 });
    if (form !== 'native') {
      const { items } = (await site.json(['list', '--state', 'off'], as)).doc;
      expect(items).toEqual([]);
    }
    await role.drop();
  },
);

test('a command that uses up a code has no dry run', async () => {
  const site = await mfaSite('3dpot', { here: true });
  const who = await site.seed();
  const secret = await site.enable(who);
  const ran = await site.mfa(['verify', who.id, '--code-stdin', '--dry-run', '--json'], { stdin: codeAt(secret) });
  expect(refusalOf(ran)).toMatchObject({ exit: 2, code: 'E_USAGE' });
  expect(await site.database.query('select * from potctl.mfa_attempt')).toEqual([]);
});
