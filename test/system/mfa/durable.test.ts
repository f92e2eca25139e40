import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { spawn } from '@lydell/node-pty';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeAt, type MfaSite, mfaSite, type TestPerson, WHY, wrongCodes } from '../../support/mfa.js';
import { FORMS } from '../../support/mfa-forms.js';
import { plainRole } from '../../support/mfa-role.js';
import { cleanEnvironment, POTCTL, startPotctl } from '../../support/run-cli.js';

let site: MfaSite;
let role: { readonly name: string; drop(): Promise<void> };
beforeAll(async () => {
  site = await mfaSite('3dpot', { keep: true });
  role = await plainRole(site);
});
afterAll(async () => {
  await role.drop();
  await site.remove();
});

/** One after the other: it is one connection. */
async function each(...people: readonly TestPerson[]): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const who of people) found.push(await everything(who));
  return found;
}

const everything = async ({ id, key }: TestPerson) => ({
  row: await site.database.query('select * from users where id = $1', [id]),
  sessions: await site.database.query('select * from refresh_tokens where user_id = $1 order by id', [id]),
  audit: await site.database.query('select count(*) from audit_log where user_id = $1', [id]),
  attempts: await site.database.query('select kind from potctl.mfa_attempt where person = $1', [key]),
  steps: await site.database.query('select * from potctl.mfa_step where starts_with(factor, $1)', [key]),
  begun: await site.database.query('select * from potctl.mfa_enrollment where person = $1', [key]),
});

test('no command changes anything if the journal entry cannot be written', async () => {
  const [off, on] = [await site.seed(), await site.seed({ sessions: 2 })];
  const secret = await site.enable(on, ['1234-5678', '2345-6789']);
  const pending = await site.seed();
  await site.enable(pending, [], secret);
  await site.database.query('update users set mfa_enabled = false, updated_at = now() where id = $1', [pending.id]);
  const before = await each(off, on, pending);
  const append = 'function potctl.audit_append(text, text, text, text, text, text, text, text, jsonb)';
  await site.database.query(`revoke execute on ${append} from ${role.name}`);

  const commands: [string, TestPerson, readonly string[], string?][] = [
    ['enroll', off, ['--secret-to', path.join(site.folder, 'secret')]],
    ['reset', on, []],
    ['codes', on, ['--codes-to', path.join(site.folder, 'codes')]],
    ['confirm', pending, ['--code-stdin', '--codes-to', path.join(site.folder, 'first')], codeAt(secret)],
  ];
  for (const [name, who, flags, stdin] of commands) {
    const confirm = name === 'confirm' ? [] : ['--confirm', who.name];
    const { exitCode, error } = await site.json([name, who.id, ...WHY, ...flags, ...confirm], {
      env: { PGUSER: role.name },
      ...(stdin === undefined ? {} : { stdin }),
    });
    expect({ name, exitCode, code: error.code, changed: error.changed }).toEqual({
      ...{ name, exitCode: 12, code: 'E_DB_DENIED', changed: 'nothing' },
    });
  }
  expect(await each(off, on, pending)).toEqual(before);
  expect((await readdir(site.folder)).sort()).toEqual(['config.yaml', 'key']);
  await site.database.query(`grant execute on ${append} to ${role.name}`);
});

test('a role with only the rights for a change can make it', async () => {
  const who = await site.seed({ sessions: 1 });
  await site.enable(who);
  const reset = await site.json(['reset', who.id, ...WHY, '--confirm', who.name], { env: { PGUSER: role.name } });
  expect(reset).toMatchObject({ exitCode: 0, doc: { changed: true, result: { sessions_ended: 1 } } });
  const [entry] = await site.database.query('select db_role, operator from potctl.journal where target = $1', [
    who.key,
  ]);
  expect(entry).toMatchObject({ db_role: role.name });
});

test('a refused code stays counted if potctl is killed right after the answer', async () => {
  const who = await site.seed();
  const [wrong] = wrongCodes(await site.enable(who), 1);
  const running = startPotctl(['mfa', 'verify', who.id, '--code-stdin'], {
    env: { PGDATABASE: site.database.name },
    stdin: wrong!,
  });
  await running.printed('not accepted');
  running.child.kill('SIGKILL');
  await running.ended;
  const { attempts, audit } = await everything(who);
  expect(attempts).toEqual([{ kind: 'totp' }]);
  expect(audit).toEqual([{ count: '1' }]);
});

test('no transaction is open and no row is locked while potctl waits for a code', async () => {
  const who = await site.seed();
  const secret = await site.enable(who);
  await site.database.query('update users set mfa_enabled = false, updated_at = now() where id = $1', [who.id]);
  const args = ['mfa', 'confirm', who.id, ...WHY, '--codes-to', path.join(site.folder, 'asked')];
  const env = { ...cleanEnvironment({ PGDATABASE: site.database.name }), TERM: 'xterm' };
  const pty = spawn(process.execPath, [POTCTL, ...args], { cols: 100, rows: 40, env });
  let screen = '';
  const asked = new Promise<void>((resolve) => {
    pty.onData((text) => {
      screen += text;
      if (screen.includes('Code shown in the app now')) resolve();
    });
  });
  const ended = new Promise<number>((resolve) => pty.onExit(({ exitCode }) => resolve(exitCode)));
  await Promise.race([asked, ended]);
  const open = await site.database.query(
    `select state, query from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and (xact_start is not null or state <> 'idle')`,
  );
  expect(open).toEqual([]);
  await site.database.query('select id from users where id = $1 for update nowait', [who.id]);

  const code = codeAt(secret);
  pty.write(`${code}\r`);
  expect(await ended).toBe(0);
  expect(screen).not.toContain(code);
  expect(await site.stored(who)).toMatchObject({ enabled: true });
  expect(await site.database.query(FORMS['3dpot'].audit, [who.id])).toEqual([{ action: 'mfa_enrolled', ours: true }]);
});
