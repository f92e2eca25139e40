import { describe, expect, test } from 'vitest';
import { refusalOf } from '../../support/bad-input.js';
import { type Form, mfaSite, WHY } from '../../support/mfa.js';

const NFC = 'josé';
const NFD = NFC.normalize('NFD');

/** How the test changes a name: the column that the application finds people by. */
const NAMED: Readonly<Record<'3dpot' | 'viu' | 'native' | 'evo-production', string>> = {
  '3dpot': 'update users set username = $2 where id = $1',
  viu: 'update usuarios set email = $2 where id = $1',
  native: 'update potctl_app.users set username = $2 where id = $1',
  'evo-production': 'update profiles set email = $2 where user_id = $1',
};

describe.each(Object.entries(NAMED))('%s', (form, rename) => {
  test.each([
    ['a blank behind it, typed so', 'ana.souza ', 'ana.souza '],
    ['a blank behind it, typed without', 'ana.souza ', 'ana.souza'],
    ['no blank, typed with one', 'ana.souza', ' ana.souza '],
    ['letters taken apart, typed so', NFD, NFD],
    ['letters taken apart, typed composed', NFD, NFC],
    ['composed letters, typed taken apart', NFC, NFD],
    ['capitals, typed without', 'Ana.Souza', 'ana.souza'],
    ['a no-break space behind it', 'ana.souza\u00a0', 'ana.souza'],
    ['something invisible in it', 'ana\u200b.souza', 'ana.souza'],
  ])('a name with %s is found', async (_, stored, typed) => {
    const site = await mfaSite(form as Form, { here: true });
    const who = await site.seed();
    await site.database.query(rename, [who.id, stored]);
    const { exitCode, doc } = await site.json(['status', typed]);
    expect(exitCode).toBe(0);
    expect(doc.item.user.id).toBe(who.id);
  });

  test('for an unknown name similar names are suggested, and no others', async () => {
    const site = await mfaSite(form as Form, { here: true });
    const names = ['ana.souza@example.com', 'ana.sousa@example.com', 'zeno@example.org'];
    for (const name of names) await site.database.query(rename, [(await site.seed()).id, name]);
    for (const typed of ['ana.souzza@example.com', 'anna.souza@example.com', 'qna.souza@example.com']) {
      const { code, fix } = refusalOf(await site.mfa(['status', typed, '--json']));
      expect(code).toBe('E_USER_NOT_FOUND');
      expect(fix.join()).toContain('ana.souza@example.com');
      expect(fix.join()).not.toContain('zeno');
      expect(fix.length).toBeLessThanOrEqual(3);
    }
    const { fix } = refusalOf(await site.mfa(['status', 'nobody', '--json']));
    expect(fix.join()).not.toContain('example');
  });
});

test('an exact match wins, and a user whose name looks the same is shown before anything is changed', async () => {
  const site = await mfaSite('3dpot', { here: true });
  const [real, other] = [await site.seed(), await site.seed()];
  await site.database.query(NAMED['3dpot'], [real.id, 'ana']);
  await site.database.query(NAMED['3dpot'], [other.id, 'ana ']);
  await site.enable(real);
  const plain = await site.mfa(['reset', 'ana', ...WHY, '--dry-run']);
  expect(plain.stderr).toContain(real.id);
  expect(plain.stderr).toMatch(new RegExp(`almost the same name: ${other.id}`));
  const blank = await site.json(['status', 'ana ']);
  expect(blank.doc.item.user.id).toBe(other.id);
  // Nobody can type a name with a blank behind it at a prompt: the id is asked for.
  const change = await site.json(['reset', 'ana ', ...WHY, '--confirm', other.id]);
  expect(change.exitCode).toBe(0);
  expect(await site.stored(real)).toMatchObject({ enabled: true });
});

test('if two users match and neither exactly, both are listed and neither is chosen', async () => {
  const site = await mfaSite('3dpot', { here: true });
  const [one, two] = [await site.seed(), await site.seed()];
  await site.database.query(NAMED['3dpot'], [one.id, 'ana\u00a0']);
  await site.database.query(NAMED['3dpot'], [two.id, 'ana\u200b']);
  const { code, why } = refusalOf(await site.mfa(['reset', 'ana', ...WHY, '--confirm', 'ana', '--json']));
  expect(code).toBe('E_USER_AMBIGUOUS');
  for (const { id } of [one, two]) expect(String(why)).toContain(id);
});
