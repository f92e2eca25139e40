import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import bcrypt from 'bcryptjs';
import { expect, test } from 'vitest';
import { encodeBase32 } from '../../../src/mfa/base32.js';
import { openSecret } from '../../../src/mfa/envelope.js';
import { verifyScrypt } from '../../../src/mfa/scrypt.js';
import {
  ALL_FORMS,
  codeAt,
  type Form,
  MFA_KEY,
  type MfaSite,
  mfaSite,
  roomInStep,
  type TestPerson,
  WHY,
} from '../../support/mfa.js';
import { FORMS } from '../../support/mfa-forms.js';
import { python, testWith } from '../../support/programs.js';
import { potctlHere as potctl } from '../../support/run-main.js';

/** The application's own words for enroll, confirm, codes, disable, enroll, reset. */
const WORDS: Readonly<Record<Form, readonly string[]>> = {
  '3dpot': [
    ...['mfa_enrolled', 'mfa_enrolled', 'mfa_backup_codes_regenerated', 'mfa_disabled', 'mfa_enrolled', 'mfa_enrolled'],
    'mfa_disabled',
  ],
  viu: ['ENABLE_2FA', 'ENABLE_2FA', 'ENABLE_2FA', 'DISABLE_2FA', 'ENABLE_2FA', 'ENABLE_2FA', 'DISABLE_2FA'],
  evo: ['MFA_ENABLED', 'MFA_VERIFIED', 'MFA_DISABLED', 'MFA_ENABLED', 'MFA_VERIFIED', 'MFA_DISABLED'],
  'evo-production': ['MFA_ENABLED', 'MFA_VERIFIED', 'MFA_DISABLED', 'MFA_ENABLED', 'MFA_VERIFIED', 'MFA_DISABLED'],
  native: [
    ...['mfa.enrolled', 'mfa.confirmed', 'mfa.codes_replaced', 'mfa.disabled', 'mfa.enrolled', 'mfa.confirmed'],
    'mfa.disabled',
  ],
};

const lines = async (file: string): Promise<string[]> => (await readFile(file, 'utf8')).trimEnd().split('\n');
const moved = async ({ database, form }: MfaSite, { id }: TestPerson): Promise<unknown> =>
  (await database.query<{ moved: string }>(FORMS[form].moved, [id]))[0]?.moved;

/** Enrols and confirms; gives the secret and the codes that were handed out. */
async function enroll(site: MfaSite, who: TestPerson, name: string): Promise<{ secret: string; codes: string[] }> {
  const [secretFile, codesFile] = [path.join(site.folder, `${name}.secret`), path.join(site.folder, `${name}.codes`)];
  const made = await site.json(['enroll', who.id, ...WHY, '--secret-to', secretFile, '--confirm', who.name]);
  expect(made).toMatchObject({ exitCode: 0, doc: { changed: true, result: { state: 'pending' } } });
  const [secret] = (await lines(secretFile)) as [string];
  expect((await stat(secretFile)).mode & 0o777).toBe(0o600);
  expect(await site.stored(who)).toMatchObject({ enabled: false });

  const flags = FORMS[site.form].codeKind === null ? [] : ['--codes-to', codesFile];
  // VIU accepts the present code only.
  if (site.form === 'viu') await roomInStep(8);
  const confirm = ['confirm', who.id, ...WHY, '--code-stdin', ...flags];
  const done = await site.json(confirm, { stdin: `${codeAt(secret)}\n` });
  expect(done).toMatchObject({ exitCode: 0, doc: { changed: true, result: { state: 'enabled' } } });
  if (name === 'first') expect(await site.json(confirm)).toMatchObject({ exitCode: 0, doc: { changed: false } });
  return { secret, codes: flags.length === 0 ? [] : await lines(codesFile) };
}

/** The row is one that the application's own login accepts: read here as its code reads it. */
async function expectAccepted(site: MfaSite, who: TestPerson, secret: string, codes: string[]): Promise<void> {
  const row = await site.stored(who);
  expect(row.enabled).toBe(true);
  expect(secret).toMatch(/^[A-Z2-7]{32}$/);
  if (site.form !== 'native') return expect(row.secret).toBe(secret);
  const [{ id }] = (await site.database.query('select id from potctl_app.mfa_factors where user_id = $1', [
    who.id,
  ])) as [{ id: string }];
  const place = { table: 'mfa_factors', column: 'secret', factorId: id, userId: who.id };
  const opened = openSecret(row.secret!, place, new Map([['k1', MFA_KEY]]));
  expect(opened.ok && encodeBase32(opened.secret)).toBe(secret);
  expect(codes).toHaveLength(10);
}

async function expectCodes(site: MfaSite, who: TestPerson, codes: readonly string[]): Promise<void> {
  const stored = (await site.stored(who)).codes;
  expect(stored).toHaveLength(codes.length);
  expect(new Set(codes).size).toBe(codes.length);
  if (site.form === 'viu') {
    expect(codes[0]).toMatch(/^[0-9A-F]{4}-[0-9A-F]{4}$/);
    for (const [n, hash] of stored.entries()) {
      expect(hash).toMatch(/^\$2a\$10\$.{53}$/);
      expect(await bcrypt.compare(codes[n]!, hash)).toBe(true);
    }
  }
  if (site.form === 'native') {
    for (const [n, hash] of stored.entries()) expect(await verifyScrypt(codes[n]!, hash)).toBe(true);
  }
  if (site.form !== '3dpot') return;
  const [row] = await site.database.query<{ text: string }>(
    'select mfa_backup_codes::text as text from users where id = $1',
    [who.id],
  );
  // As Python's json.dumps writes it, to the letter.
  expect(row!.text).toBe(`[${codes.map((code) => `"${code}"`).join(', ')}]`);
}

testWith('python3-pyotp')("3dPot's backup codes are a list that Python's json reads", async () => {
  const site = await mfaSite('3dpot');
  const who = await site.seed();
  const { codes } = await enroll(site, who, 'first');
  const [row] = await site.database.query<{ text: string }>('select mfa_backup_codes::text as text from users');
  expect(python('answer = json.loads(given)', row!.text)).toEqual(codes);
});

test.each(ALL_FORMS)(
  '%s: from setup to reset, the application accepts every row that potctl writes',
  async (form) => {
    const site = await mfaSite(form, { version: 0, here: true });
    const who = await site.seed({ sessions: FORMS[form].session === null ? 0 : 2 });
    const before = await moved(site, who);
    const setup = ['setup', '--yes', '--reason', 'second factors for support'];
    expect((await potctl(setup, { env: { PGDATABASE: site.database.name } })).exitCode).toBe(0);

    const first = await enroll(site, who, 'first');
    await expectAccepted(site, who, first.secret, first.codes);
    await expectCodes(site, who, first.codes);
    expect(await moved(site, who)).not.toBe(before);

    // VIU accepts the present code only, which confirm has used up; the others take that of the next step.
    if (form === 'viu') await site.database.query('delete from potctl.mfa_step');
    if (form === 'viu') await roomInStep(8);
    const next = codeAt(first.secret, form === 'viu' ? 0 : 1);
    const proof = await site.json(['verify', who.id, '--code-stdin'], { stdin: next });
    expect(proof).toMatchObject({ exitCode: 0, doc: { result: { by: 'totp' } } });
    const change = (name: string, ...args: string[]) =>
      site.json([name, who.id, ...WHY, '--confirm', who.name, ...args]);

    const file = path.join(site.folder, 'new.codes');
    const fresh = await change('codes', '--codes-to', file);
    if (FORMS[form].codeKind === null) {
      expect(fresh).toMatchObject({
        exitCode: 30,
        error: { code: 'E_UNSUPPORTED', message: expect.stringContaining('not supported') },
      });
    } else {
      expect(fresh).toMatchObject({ exitCode: 0, doc: { changed: true, result: { codes_left: 10 } } });
      await expectCodes(site, who, await lines(file));
      const old = await site.json(['verify', who.id, '--code-stdin'], { stdin: first.codes[0]! });
      expect(old).toMatchObject({ exitCode: 30, error: { code: 'E_CODE_REFUSED' } });
      const [good] = (await lines(file)) as [string];
      const used = await site.json(['verify', who.id, '--code-stdin'], { stdin: good.toLowerCase() });
      expect(used).toMatchObject({ exitCode: 0, doc: { result: { by: 'backup', codes_left: 9 } } });
    }

    expect(await change('disable')).toMatchObject({ exitCode: 0, doc: { changed: true, result: { state: 'off' } } });
    expect(await site.stored(who)).toMatchObject({ enabled: false, codes: [] });
    expect(await change('disable')).toMatchObject({ exitCode: 0, doc: { changed: false } });

    await enroll(site, who, 'second');
    const ended = FORMS[form].session === null ? null : 2;
    const reset = await change('reset');
    expect(reset).toMatchObject({ exitCode: 0, doc: { changed: true, result: { state: 'off' } } });
    if (ended !== null) expect(reset.doc.result.sessions_ended).toBe(ended);
    expect(await change('reset')).toMatchObject({ exitCode: 0, doc: { changed: false } });
    const { item } = (await site.json(['status', who.id])).doc;
    expect(item).toMatchObject({ state: 'off', sessions: ended === null ? null : 0 });
    expect(item.resets_90d).toHaveLength(2);

    const rows = await site.database.query<{ action: string; ours: boolean }>(FORMS[form].audit, [who.id]);
    expect(rows.every(({ ours }) => ours)).toBe(true);
    const words = rows.map(({ action }) => action).filter((word) => !/challenge|code_(accepted|refused)/.test(word));
    const passed = form.startsWith('evo') ? words.filter((_, n) => n !== 2) : words;
    expect(passed).toEqual(WORDS[form]);
  },
  120_000,
);
