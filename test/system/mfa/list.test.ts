import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeCursor } from '../../../commands/cli/run/cursor.js';
import type { MfaFilter } from '../../../src/mfa/list.js';
import { type MfaSite, mfaSite, newSecret, type TestPerson } from '../../support/mfa.js';
import { engineOn } from '../../support/mfa-engine.js';
import { cleanEnvironment, POTCTL } from '../../support/run-cli.js';

let [site, evo] = [] as unknown as [MfaSite, MfaSite];
const people = {} as Record<'on' | 'bare' | 'pending' | 'off' | 'admin' | 'adminOn' | 'locked', TestPerson>;
beforeAll(async () => {
  [site, evo] = [await mfaSite('3dpot', { keep: true, here: true }), await mfaSite('evo', { keep: true, here: true })];
  for (const name of ['on', 'bare', 'pending', 'off', 'locked'] as const) people[name] = await site.seed({ name });
  for (const name of ['admin', 'adminOn'] as const) people[name] = await site.seed({ name, admin: true });
  await site.enable(people.on, ['1234-5678', '2345-6789']);
  await site.enable(people.bare);
  await site.enable(people.adminOn);
  const { query } = site.database;
  await query('update users set mfa_secret = $2 where id = $1', [people.pending.id, newSecret()]);
  await query(`update users set locked_until = now() at time zone 'UTC' + interval '1 hour' where id = $1`, [
    people.locked.id,
  ]);
  await query(`update users set role = 'premium' where id = $1`, [people.off.id]);
});
afterAll(async () => {
  await site.remove();
  await evo.remove();
});

const ALL: MfaFilter = {
  ...{ state: null, role: null, required: false, missing: false, organization: null, after: null, limit: 0 },
};
const WHO_FITS: readonly [Partial<MfaFilter>, readonly string[]][] = [
  [{}, ['admin', 'adminOn', 'bare', 'locked', 'off', 'on', 'pending']],
  [{ state: 'enabled' }, ['adminOn', 'bare', 'on']],
  [{ state: 'pending' }, ['pending']],
  [{ state: 'off' }, ['admin', 'locked', 'off']],
  [{ state: 'locked' }, ['locked']],
  [{ state: 'no-codes' }, ['adminOn', 'bare']],
  [{ role: 'PREMIUM' }, ['off']],
  [{ required: true }, ['admin', 'adminOn']],
  [{ required: true, missing: true }, ['admin']],
  [{ missing: true, role: 'user' }, ['admin', 'locked', 'pending']],
];

test.each(WHO_FITS)('%j lists exactly the users that match', async (filter, expected) => {
  const found: (string | null)[] = [];
  for await (const rows of (await engineOn(site)).list({ ...ALL, ...filter })) {
    found.push(...rows.map(({ username }) => username));
  }
  expect(found.sort()).toEqual(expected);
});

test('each flag of the command sets its filter', async () => {
  const flags = ['--state', 'off', '--role', 'user', '--required', '--missing'];
  const { doc } = await site.json(['list', ...flags]);
  expect(doc.items).toMatchObject([{ id: people.admin.id, username: 'admin', state: 'off', admin: true }]);
});

test.each(['table', 'plain', 'json', 'ndjson', 'csv'])(
  'paging by cursor returns every user exactly once: %s',
  async (format) => {
    const { rows, pages } = await readPages(format, 4);
    expect(pages).toBe(2);
    expect(rows.sort()).toEqual(
      Object.values(people)
        .map(({ id }) => id)
        .sort(),
    );
  },
);

/** Reads page after page as a script would, from what the format itself says. */
async function readPages(format: string, limit: number): Promise<{ rows: string[]; pages: number }> {
  const rows: string[] = [];
  let cursor: string | null = null;
  for (let pages = 1; ; pages += 1) {
    const flags: string[] = cursor === null ? [] : ['--cursor', cursor];
    const ran = await site.mfa(['list', '-o', format, '--limit', String(limit), ...flags]);
    expect(ran.exitCode).toBe(0);
    rows.push(...(ran.stdout.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? []));
    cursor = /"next_cursor": ?"([^"]+)"/.exec(ran.stdout)?.[1] ?? /--cursor (\S+)/.exec(ran.stderr)?.[1] ?? null;
    if (cursor === null) return { rows, pages };
  }
}

test('the cursor of another list is refused', async () => {
  const cursor = writeCursor({ list: 'mfa list', sort: '', after: 'not-one-of-these-ids', shown: 1 });
  expect(await site.json(['list', '--cursor', cursor])).toMatchObject({ exitCode: 2, error: { code: 'E_USAGE' } });
});

test('--organization lists only members, and is supported only by EVO', async () => {
  const [in1, in2] = [await evo.seed(), await evo.seed()];
  const other = '00000000-0000-4000-8000-000000000001';
  const { query } = evo.database;
  await query(`insert into organizations (id, name, slug) values ($1, 'Other', 'other')`, [other]);
  await query('update profiles set organization_id = $2 where user_id = $1', [in2.id, other]);
  const members = await evo.json(['list', '--organization', other]);
  expect(members.doc.items.map(({ id }: { id: string }) => id)).toEqual([in2.id]);
  expect((await evo.json(['list', '--missing'])).doc.items).toHaveLength(2);
  expect(in1.id).not.toBe(in2.id);
  const elsewhere = await site.json(['list', '--organization', other]);
  expect(elsewhere).toMatchObject({ exitCode: 30, error: { code: 'E_UNSUPPORTED', changed: 'nothing' } });
  expect(await evo.json(['list', '--state', 'no-codes'])).toMatchObject({
    exitCode: 30,
    error: { code: 'E_UNSUPPORTED' },
  });
});

test('names with quotes, line ends and control sequences never break a line or reach the terminal', async () => {
  const nasty = await mfaSite('viu');
  const who = await nasty.seed({ name: 'x', fullName: 'Eve\n"\u001b[2J\u001b]0;owned\u0007, \u202eevil' });
  await nasty.database.query('update usuarios set email = $2, tipo = $3 where id = $1', [
    who.id,
    'a\n"b\u001b[31m@example.com',
    'X\r\n;Y',
  ]);
  for (const format of ['table', 'plain', 'csv']) {
    const { stdout, exitCode } = await nasty.mfa(['list', '-o', format]);
    expect(exitCode).toBe(0);
    expect(stdout).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
    if (format !== 'csv') expect(stdout.trimEnd().split('\n')).toHaveLength(format === 'plain' ? 1 : 2);
  }
  const status = await nasty.mfa(['status', who.id]);
  expect(status.stdout + status.stderr).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
  expect(status.stdout).toContain('Eve');
  expect((await nasty.json(['status', who.id])).doc.item.user).toMatchObject({
    name: 'Eve\n"\u001b[2J\u001b]0;owned\u0007, \u202eevil',
  });
});

test('a closed pipe ends the list quietly, even in the middle of thousands of rows', async () => {
  const many = await mfaSite('3dpot');
  await many.database.query(
    `insert into users (id, email, username, hashed_password) select gen_random_uuid(), 'u' || n || '@example.com', 'u' || n, 'x' from generate_series(1, 6000) n`,
  );
  const line = `"${process.execPath}" "${POTCTL}" mfa list --limit 0 -o plain -q | head -n 2; echo "left: \${PIPESTATUS[0]}"`;
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', line], {
    env: cleanEnvironment({ PGDATABASE: many.database.name }),
  });
  expect(stdout.trimEnd().split('\n')).toEqual([
    expect.anything(),
    expect.anything(),
    expect.stringMatching(/^left: (0|141)$/),
  ]);
  expect(stderr).toBe('');
  const all = await many.mfa(['list', '--limit', '0', '-o', 'ndjson']);
  const ids = all.stdout.match(/"id":"[^"]+"/g) ?? [];
  expect([ids.length, new Set(ids).size]).toEqual([6000, 6000]);
});
