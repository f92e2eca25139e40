import { expect, test } from 'vitest';
import { makeBackupCodes } from '../../../src/mfa/backup-codes.js';
import {
  codeAt,
  type Form,
  type MfaSite,
  mfaSite,
  roomInStep,
  type TestPerson,
  WHY,
  wrongCodes,
} from '../../support/mfa.js';
import { engineOn, verifyAll, verifyOne } from '../../support/mfa-engine.js';
import { FORMS } from '../../support/mfa-forms.js';

const count = (answers: readonly string[], one: string): number => answers.filter((answer) => answer === one).length;
const times = <T>(n: number, what: T): T[] => Array.from({ length: n }, () => what);

/** How many rows of each kind potctl remembers of a person. */
async function attempts({ database }: MfaSite, { key }: TestPerson): Promise<Record<string, number>> {
  const rows = await database.query<{ kind: string; n: number }>(
    'select kind, count(*)::int as n from potctl.mfa_attempt where person = $1 group by kind',
    [key],
  );
  return Object.fromEntries(rows.map(({ kind, n }) => [kind, n]));
}

/** As if everything had happened so much earlier. */
const age = ({ database }: MfaSite, { key }: TestPerson, interval: string) =>
  database.query('update potctl.mfa_attempt set at = at - $2::interval where person = $1', [key, interval]);

/** Where the newest block begins, moved so that it ends in so many milliseconds. */
const blockEndsIn = ({ database }: MfaSite, { key }: TestPerson, ms: number) =>
  database.query(
    `update potctl.mfa_attempt set at = clock_timestamp() - interval '15 minutes' + $2 * interval '1 ms'
      where person = $1 and kind = 'block'`,
    [key, ms],
  );

async function enabled(form: Form, codes: readonly string[] = []) {
  const site = await mfaSite(form);
  const who = await site.seed();
  const secret = await site.enable(who, codes);
  return { site, who, secret };
}

test('of forty concurrent uses of the same correct code, one is accepted', async () => {
  const { site, who, secret } = await enabled('3dpot');
  await roomInStep(8);
  const answers = await verifyAll(await engineOn(site), who.id, times(40, codeAt(secret)));
  expect(count(answers, 'totp')).toBe(1);
  // The block may come after ten of them; none of those is accepted either.
  expect(answers.filter((answer) => !['totp', 'E_CODE_REFUSED', 'E_MFA_BLOCKED'].includes(answer))).toEqual([]);
  expect(await attempts(site, who)).toMatchObject({ ok: 1 });
});

test.each(['3dpot', 'viu', 'native'] as const)(
  '%s: of thirty concurrent uses of one backup code, one is accepted, and nine codes are left',
  async (form) => {
    const codes = makeBackupCodes(FORMS[form].codeKind!);
    const { site, who } = await enabled(form, codes);
    const before = (await site.stored(who)).codes;
    // scrypt on purpose takes long: fewer callers there.
    const answers = await verifyAll(await engineOn(site), who.id, times(form === 'native' ? 4 : 30, codes[4]!));
    expect(count(answers, 'backup')).toBe(1);
    expect((await site.stored(who)).codes).toEqual(before.filter((_, n) => n !== 4));
  },
);

test('a diagnosis concurrent with a verify uses up no other code than the typed one', async () => {
  const codes = makeBackupCodes('digits');
  const { site, who } = await enabled('3dpot', codes);
  const mfa = await engineOn(site);
  const explain = (code: string) => mfa.explain({ user: who.id, code: async () => code });
  const both = await Promise.all(
    codes.slice(0, 6).map((code, n) => (n % 2 ? verifyOne(mfa, who.id, code) : explain(code))),
  );
  expect(both).toHaveLength(6);
  expect((await site.stored(who)).codes).toEqual(codes.slice(6));
});

test('after ten wrong codes, also from several callers, no code is checked for fifteen minutes', async () => {
  const { site, who, secret } = await enabled('3dpot');
  const wrong = wrongCodes(secret, 41);
  const mfa = await Promise.all(times(4, site).map((one) => engineOn(one)));
  const answers = (
    await Promise.all(mfa.map((one, n) => verifyAll(one, who.id, wrong.slice(n * 10, n * 10 + 10))))
  ).flat();
  expect(answers.sort()).toEqual([...times(10, 'E_CODE_REFUSED'), ...times(30, 'E_MFA_BLOCKED')]);
  expect(await attempts(site, who)).toEqual({ totp: 10, block: 1 });
});

test('concurrent processes share one count, and each says when the block ends', async () => {
  const { site, who, secret } = await enabled('3dpot');
  await site.database.query(
    `insert into potctl.mfa_attempt (person, at, kind) select $1, now(), 'totp' from generate_series(1, 8)`,
    [who.key],
  );
  const [wrong] = wrongCodes(secret, 1) as [string];
  const real = await Promise.all(
    times(4, site).map((one) => one.json(['verify', who.id, '--code-stdin'], { stdin: wrong })),
  );
  const errors = real.map(({ error }) => error).sort((a, b) => a.code.localeCompare(b.code));
  expect(errors.map(({ code }) => code)).toEqual([
    'E_CODE_REFUSED',
    'E_CODE_REFUSED',
    'E_MFA_BLOCKED',
    'E_MFA_BLOCKED',
  ]);
  const [{ until }] = (await site.database.query<{ until: string }>(
    `select to_char(at at time zone 'UTC' + interval '15 minutes', 'YYYY-MM-DD HH24:MI:SS"Z"') as until
       from potctl.mfa_attempt where kind = 'block'`,
  )) as [{ until: string }];
  expect(errors[3]).toMatchObject({ exit: 30, why: `blocked until ${until}`, changed: 'nothing' });
  expect(await attempts(site, who)).toEqual({ totp: 10, block: 1 });
});

test('a block ends to the second, and codes refused during it do not extend it', async () => {
  const { site, who, secret } = await enabled('viu');
  const mfa = await engineOn(site);
  expect(await verifyAll(mfa, who.id, wrongCodes(secret, 10))).toEqual(times(10, 'E_CODE_REFUSED'));
  expect(await verifyOne(mfa, who.id, codeAt(secret))).toBe('E_MFA_BLOCKED');
  await age(site, who, '14 minutes 50 seconds');
  expect(await verifyOne(mfa, who.id, codeAt(secret))).toBe('E_MFA_BLOCKED');
  await blockEndsIn(site, who, 3_000);
  expect(await verifyOne(mfa, who.id, codeAt(secret))).toBe('E_MFA_BLOCKED');
  await blockEndsIn(site, who, -1);
  await roomInStep(3);
  expect(await verifyOne(mfa, who.id, codeAt(secret))).toBe('totp');
  expect(await attempts(site, who)).toMatchObject({ block: 1, ok: 1 });
});

test('unlock ends a block, and an accepted code resets the count', async () => {
  const { site, who, secret } = await enabled('3dpot');
  const mfa = await engineOn(site);
  await verifyAll(mfa, who.id, wrongCodes(secret, 11));
  const unlock = ['unlock', who.id, ...WHY, '--confirm', who.name];
  expect(await site.json(unlock)).toMatchObject({ exitCode: 0, doc: { changed: true } });
  expect(await site.json(unlock)).toMatchObject({ exitCode: 0, doc: { changed: false } });
  expect(await verifyOne(mfa, who.id, codeAt(secret))).toBe('totp');
  expect(await verifyAll(mfa, who.id, wrongCodes(secret, 10))).toEqual(times(10, 'E_CODE_REFUSED'));
});

test('a hundred refused codes in a row lock permanently, until --reset-consecutive', async () => {
  const { site, who, secret } = await enabled('3dpot');
  await site.database.query(
    `insert into potctl.mfa_attempt (person, at, kind) select $1, now() - interval '1 day' - n * interval '7 s', 'totp' from generate_series(1, 99) n`,
    [who.key],
  );
  const mfa = await engineOn(site);
  const [wrong] = wrongCodes(secret, 1) as [string];
  expect(await verifyOne(mfa, who.id, wrong)).toBe('E_CODE_REFUSED');
  expect(await verifyOne(mfa, who.id, codeAt(secret))).toBe('E_MFA_BLOCKED');
  const { item } = (await site.json(['status', who.id])).doc;
  expect(item.lock).toEqual({ by: 'potctl', until: 'infinity' });
  const unlock = ['unlock', who.id, ...WHY, '--confirm', who.name];
  // An unlock that does not unlock is no success.
  const kept = await site.json(unlock);
  expect(kept).toMatchObject({ exitCode: 30, error: { code: 'E_MFA_STATE', changed: 'nothing' } });
  expect(kept.error.fix.join()).toContain('--reset-consecutive');
  expect(await verifyOne(mfa, who.id, codeAt(secret))).toBe('E_MFA_BLOCKED');
  expect(await site.json([...unlock, '--reset-consecutive'])).toMatchObject({ exitCode: 0, doc: { changed: true } });
  expect(await verifyOne(mfa, who.id, codeAt(secret))).toBe('totp');
});
