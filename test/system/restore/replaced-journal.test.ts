import { expect, test } from 'vitest';
import { freshDatabase } from '../../support/database.js';
import { potctl } from '../../support/run-cli.js';
import { temporaryFolder } from '../../support/tree.js';

const APPEND = `select potctl.audit_append('op', 'mfa.unlock', 'x', 'a test of ours', null, 'refused', 'r', 't', '{}')`;

/** A database with a backup, before the journal was installed or after. */
async function site(when: 'before setup' | 'after setup') {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 3) i' });
  const where = ['--repository', await temporaryFolder()];
  const env = { PGDATABASE: database.name };
  const setUp = () => potctl(['setup', '--yes', '--reason', 'test', '--confirm', database.name], { env });
  if (when === 'after setup') expect(await setUp()).toMatchObject({ exitCode: 0 });
  expect(await potctl(['backup', 'create', ...where], { env })).toMatchObject({ exitCode: 0 });
  if (when === 'before setup') expect(await setUp()).toMatchObject({ exitCode: 0 });
  const run = (...args: string[]) => potctl(['restore', ...args, ...where], { env });
  const [row] = await database.query('select count(*)::int as n from potctl.journal');
  return { ...database, run, entries: Number(row!['n']) };
}

test('the plan warns that the journal is replaced, and the result says how to install it if it is gone', async () => {
  const { name, run, entries } = await site('before setup');

  const text = new RegExp(
    `! the journal in schema potctl \\(${entries} entr\\w+\\) is replaced by the backup's \\(none\\); the current one`,
  );
  expect((await run('plan')).stdout).toMatch(text);
  const restored = await run('run', '--confirm', name);
  expect(restored).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/to install it: +(PG\S+ )*potctl setup/),
  });

  // The undo brings a journal back: nothing is replaced.
  const undone = await run('undo', '--confirm', name);
  expect([undone.exitCode, undone.stderr.includes('journal')]).toEqual([0, false]);

  const again = await run('undo', '--confirm', name);
  expect(again.stderr).toMatch(/! the journal in schema potctl .* that of the database that comes back \(none\)/);
  expect(again.stderr).toMatch(/potctl setup/);
});

test('a journal that did not change since the backup is no warning, a newer one is', async () => {
  const { name, run, query, entries } = await site('after setup');
  expect((await run('plan')).stdout).not.toContain('the journal');

  await query(APPEND);
  const restored = await run('run', '--confirm', name);
  expect(restored.stderr).toMatch(
    new RegExp(`potctl \\(${entries + 1} entr\\w+\\) .* the backup's \\(${entries} entr`),
  );
  expect(restored.stderr).not.toContain('potctl setup');
  const undone = await run('undo', '--dry-run');
  expect(undone.stderr).toMatch(new RegExp(`potctl \\(${entries} entr\\w+\\) .* comes back \\(${entries + 1} entr`));
});
