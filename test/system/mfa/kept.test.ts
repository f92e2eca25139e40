import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  codeAt,
  type Form,
  type MfaSite,
  mfaSite,
  newSecret,
  roomInStep,
  type TestPerson,
  WHY,
} from '../../support/mfa.js';
import { plainRole } from '../../support/mfa-role.js';

/** Where an application keeps what a change writes: the table, and the column that a hostile trigger would bend. */
const PLACES: Readonly<
  Record<'3dpot' | 'viu' | 'native' | 'evo-production', Readonly<Record<string, [string, string]>>>
> = {
  '3dpot': {
    codes: ['public.users', 'mfa_backup_codes'],
    secret: ['public.users', 'mfa_secret'],
    state: ['public.users', 'mfa_enabled'],
    confirmed: ['public.users', 'mfa_enabled'],
    sessions: ['public.refresh_tokens', 'is_revoked'],
    lock: ['public.users', 'locked_until'],
  },
  viu: {
    codes: ['public.usuarios', '"twoFactorBackupCodes"'],
    secret: ['public.usuarios', '"twoFactorSecret"'],
    state: ['public.usuarios', '"twoFactorEnabled"'],
    confirmed: ['public.usuarios', '"twoFactorEnabled"'],
    sessions: ['public.sessoes', 'ativo'],
  },
  native: {
    codes: ['potctl_app.backup_codes', 'hash'],
    secret: ['potctl_app.mfa_factors', 'secret'],
    state: ['potctl_app.mfa_factors', 'status'],
    confirmed: ['potctl_app.mfa_factors', 'status'],
    sessions: ['potctl_app.sessions', 'revoked_at'],
    lock: ['potctl_app.users', 'locked_until'],
    must: ['potctl_app.users', 'must_enroll'],
  },
  'evo-production': {
    secret: ['public.mfa_factors', 'secret'],
    state: ['public.mfa_factors', 'is_active'],
    confirmed: ['public.mfa_factors', 'status'],
  },
};

type Kind = keyof typeof PLACES;
const KINDS = Object.keys(PLACES) as Kind[];

/** Triggers and rules that an application may have, or somebody may have planted: each bends what is written to a table. */
const BENDS: Readonly<Record<string, (table: string, column: string) => string>> = {
  'a rule that does nothing instead': (table) => `create rule r as on update to ${table} do instead nothing`,
  'a trigger that drops the row': (table) => `
    create function public.bend() returns trigger language plpgsql as 'begin return null; end';
    create trigger bend before insert or update on ${table} for each row execute function public.bend()`,
  'a trigger that keeps the old value': (table, column) => `
    create function public.bend() returns trigger language plpgsql as 'begin new.${column} := old.${column}; return new; end';
    create trigger bend before update on ${table} for each row execute function public.bend()`,
  'a trigger that waits for the commit': (table, column) => `
    create function public.bend() returns trigger language plpgsql as $f$ begin
      if pg_trigger_depth() < 2 and old.${column}::text is distinct from new.${column}::text then update ${table} set ${column} = old.${column} where id = new.id; end if; return null; end $f$;
    create constraint trigger bend after update on ${table} deferrable initially deferred for each row execute function public.bend()`,
};

/** Rewrites what is inserted or updated, in place. */
const rewrites = (table: string, assignment: string): string => `
    create function public.bend() returns trigger language plpgsql as $f$ begin ${assignment}; return new; end $f$;
    create trigger bend before insert or update on ${table} for each row execute function public.bend()`;

const unbend = (table: string): string =>
  `drop rule if exists r on ${table}; drop function if exists public.bend() cascade`;

async function contents({ database, form }: MfaSite, { id }: TestPerson): Promise<unknown> {
  const tables = new Set(Object.values(PLACES[form as Kind]).map(([table]) => table));
  const rows = [...tables].map((table) =>
    database.query(
      `select md5(string_agg(t::text, ',' order by t::text)) as sum from ${table} t where t::text like '%' || $1 || '%'`,
      [id],
    ),
  );
  return [await Promise.all(rows), await database.query('select count(*) from potctl.journal')];
}

/** Runs it: it must be refused with exit 20, with no file left, and with every table as it was. */
async function notKept(site: MfaSite, who: TestPerson, args: readonly string[], stdin = ''): Promise<void> {
  const before = await contents(site, who);
  const file = path.join(site.folder, 'handed-out');
  const flag = { codes: '--codes-to', confirm: '--codes-to', enroll: '--secret-to' }[args[0]!];
  const files = flag === undefined || (site.form.startsWith('evo') && args[0] === 'confirm') ? [] : [flag, file];
  const gate = args[0] === 'confirm' ? ['--code-stdin'] : ['--confirm', who.name];
  const { exitCode, error } = await site.json([...args, ...WHY, ...gate, ...files], { stdin });
  expect({ exitCode, changed: error?.changed }).toEqual({ exitCode: 20, changed: 'nothing' });
  // A table may also have a constraint of its own against what the trigger makes of it.
  expect(['E_NOT_KEPT', ...(site.form === 'native' ? ['E_DB_CONSTRAINT'] : [])]).toContain(error.code);
  expect(existsSync(file)).toBe(false);
  expect(await contents(site, who)).toEqual(before);
}

async function bent(site: MfaSite, place: string, bend: string, work: () => Promise<void>): Promise<void> {
  const [table, column] = PLACES[site.form as Kind][place]!;
  await site.database.query(BENDS[bend]!(table, column));
  await work();
  await site.database.query(unbend(table));
}

describe.each(KINDS)('%s: a change that the database did not store is never reported as done', (form) => {
  test.each(Object.keys(BENDS))(
    'with %s',
    async (bend) => {
      const site = await mfaSite(form as Form, { here: true });
      const [on, off] = [await site.seed({ sessions: form.startsWith('evo') ? 0 : 2 }), await site.seed()];
      await site.enable(on, form.startsWith('evo') ? [] : ['1234-5678', '2345-6789'], newSecret());
      const places = PLACES[form];
      const isUpdate = form !== 'native' || bend === 'a trigger that drops the row';

      if (places['codes'] && isUpdate) await bent(site, 'codes', bend, () => notKept(site, on, ['codes', on.id]));
      // Where a factor is a row of its own, enrolling inserts one: the triggers below look at updates.
      if (form === '3dpot' || form === 'viu')
        await bent(site, 'secret', bend, () => notKept(site, off, ['enroll', off.id]));
      await bent(site, 'state', bend, () => notKept(site, on, ['disable', on.id]));
      await bent(site, 'state', bend, () => notKept(site, on, ['reset', on.id]));
      if (places['sessions']) await bent(site, 'sessions', bend, () => notKept(site, on, ['reset', on.id]));
      if (places['must']) await bent(site, 'must', bend, () => notKept(site, on, ['reset', on.id]));
      if (places['lock']) {
        await site.database.query(
          `update ${places['lock'][0]} set locked_until = now() + interval '1 day' where id = $1`,
          [on.id],
        );
        await bent(site, 'lock', bend, () => notKept(site, on, ['unlock', on.id]));
      }

      const secretFile = path.join(site.folder, 'secret');
      const made = await site.json(['enroll', off.id, ...WHY, '--secret-to', secretFile, '--confirm', off.name]);
      expect(made.exitCode).toBe(0);
      const secret = readFileSync(secretFile, 'utf8').trim();
      await roomInStep(10);
      await bent(site, 'confirmed', bend, () => notKept(site, off, ['confirm', off.id], `${codeAt(secret)}\n`));
    },
    120_000,
  );
});

describe('a value that a trigger rewrites is not reported as success', () => {
  test.each<[Form, string, string, readonly string[]]>([
    ['3dpot', 'public.users', `new.mfa_secret := lower(new.mfa_secret)`, ['enroll']],
    ['3dpot', 'public.users', `new.mfa_secret := left(new.mfa_secret, 16)`, ['enroll']],
    ['3dpot', 'public.users', `new.mfa_backup_codes := '["0000-0000"]'`, ['codes']],
    ['3dpot', 'public.users', `new.mfa_enabled := true`, ['disable']],
    [
      'viu',
      'public.usuarios',
      `new."twoFactorBackupCodes" := new."twoFactorBackupCodes"[:9] || old."twoFactorBackupCodes"[:1]`,
      ['codes'],
    ],
    ['viu', 'public.usuarios', `new."twoFactorSecret" := upper(new."twoFactorSecret") || '='`, ['enroll']],
    ['evo-production', 'public.mfa_factors', `new.secret := 'JBSWY3DPEHPK3PXP'`, ['enroll']],
    ['evo-production', 'public.mfa_factors', `new.status := 'verified'`, ['enroll']],
    ['native', 'potctl_app.mfa_factors', `new.secret := upper(new.secret)`, ['enroll']],
    ['native', 'potctl_app.backup_codes', `new.hash := left(new.hash, 20)`, ['codes']],
  ])('%s: %s, %s', async (form, table, assignment, [verb]) => {
    const site = await mfaSite(form, { here: true });
    const who = await site.seed();
    if (verb !== 'enroll') await site.enable(who, ['1234-5678', '2345-6789']);
    await site.database.query(rewrites(table, assignment));
    await notKept(site, who, [verb!, who.id]);
  });
});

/** The application's own records. */
const RECORDS: Readonly<Record<Kind, string>> = {
  '3dpot': 'public.audit_log',
  viu: 'public.audit_logs',
  native: 'potctl_app.audit_log',
  'evo-production': 'public.audit_logs',
};
const DROPS: Readonly<Record<string, (table: string) => string>> = {
  'a rule that does nothing instead': (table) => `create rule r as on insert to ${table} do instead nothing`,
  'a trigger that drops the row': (table) => BENDS['a trigger that drops the row']!(table, ''),
  'a trigger that removes the row': (table) => `
    create function public.bend() returns trigger language plpgsql as 'begin delete from ${table} where id = new.id; return null; end';
    create trigger bend after insert on ${table} for each row execute function public.bend()`,
};

describe.each(KINDS)('%s: there is no change without an audit row and a journal entry', (form) => {
  test('nothing is changed if the audit table or the journal discards its row', async () => {
    const site = await mfaSite(form as Form, { here: true });
    const who = await site.seed();
    await site.enable(who, form.startsWith('evo') ? [] : ['1234-5678']);
    for (const table of [RECORDS[form], 'potctl.journal']) {
      for (const [bend, make] of Object.entries(DROPS)) {
        if (table === 'potctl.journal' && bend === 'a trigger that removes the row') continue;
        await site.database.query(make(table));
        await notKept(site, who, ['reset', who.id]);
        await site.database.query(unbend(table));
      }
    }
    await site.database.query(rewrites('potctl.journal', `new.operator := 'nobody'`));
    await notKept(site, who, ['reset', who.id]);
    await site.database.query(unbend('potctl.journal'));
    expect(await site.json(['reset', who.id, ...WHY, '--confirm', who.name])).toMatchObject({ exitCode: 0 });
    expect(await site.database.query(`select 1 from ${RECORDS[form]}`)).toHaveLength(1);
  });
});

test('nothing is changed without the audit row, even if the role cannot read the audit table', async () => {
  const site = await mfaSite('3dpot');
  const who = await site.seed();
  await site.enable(who, ['1234-5678']);
  const role = await plainRole(site);
  await site.database.query(
    `revoke select (id, user_id, acao, tabela, registro_id, dados_novos, timestamp) on audit_log from ${role.name}`,
  );
  const reset = () => site.json(['reset', who.id, ...WHY, '--confirm', who.name], { env: { PGUSER: role.name } });
  const before = await site.stored(who);
  const elsewhere = `create table elsewhere (like audit_log); grant insert on elsewhere to public;
    create rule r as on insert to audit_log do instead insert into elsewhere select new.*`;
  for (const bend of [
    ...Object.values(DROPS)
      .slice(0, 2)
      .map((make) => make('audit_log')),
    elsewhere,
  ]) {
    await site.database.query(bend);
    expect(await reset()).toMatchObject({ exitCode: 20, error: { code: 'E_NOT_KEPT', changed: 'nothing' } });
    await site.database.query(unbend('audit_log'));
  }
  expect(await site.stored(who)).toEqual(before);
  expect(await reset()).toMatchObject({ exitCode: 0 });
  await role.drop();
});

test('a refused code is not answered if its security event is discarded', async () => {
  const site = await mfaSite('viu', { here: true });
  const who = await site.seed();
  await site.enable(who);
  await site.database.query(DROPS['a rule that does nothing instead']!('public.security_events'));
  const verified = await site.json(['verify', who.id, '--code-stdin'], { stdin: '000000' });
  expect(verified).toMatchObject({ exitCode: 20, error: { code: 'E_NOT_KEPT', changed: 'nothing' } });
});

test('a backup code that the database does not remove is not reported as used up', async () => {
  const site = await mfaSite('3dpot', { here: true });
  const who = await site.seed();
  await site.enable(who, ['1234-5678', '2345-6789']);
  await site.database.query(BENDS['a trigger that keeps the old value']!('public.users', 'mfa_backup_codes'));
  const verified = await site.json(['verify', who.id, '--code-stdin'], { stdin: '12345678' });
  expect(verified).toMatchObject({ exitCode: 20, error: { code: 'E_NOT_KEPT', changed: 'nothing' } });
  expect((await site.stored(who)).codes).toEqual(['1234-5678', '2345-6789']);
});

test('re-encryption fails if a deferred trigger restores the old secret', async () => {
  const site = await mfaSite('native', { here: true });
  const who = await site.seed();
  await site.enable(who);
  const before = await site.stored(who);
  const [{ readFile, writeFile }, key] = [await import('node:fs/promises'), path.join(site.folder, 'key2')];
  await writeFile(key, Buffer.alloc(32, 9), { mode: 0o400 });
  const config = await readFile(site.config, 'utf8');
  await writeFile(site.config, config.replace(' } } }', ` }, k2: { file: ${key} } } }`));
  await site.database.query(BENDS['a trigger that waits for the commit']!('potctl_app.mfa_factors', 'secret'));
  const rotated = await site.json(['rotate', ...WHY, '--confirm', 'k2']);
  expect(rotated).toMatchObject({ exitCode: 20, error: { code: 'E_NOT_KEPT' } });
  expect(await site.stored(who)).toEqual(before);
});

test('a role that cannot read codes notices a discarded update, and is warned about what it cannot compare', async () => {
  const site = await mfaSite('3dpot');
  const who = await site.seed();
  await site.enable(who, ['1234-5678']);
  const role = await plainRole(site);
  await site.database.query(`
    revoke select (mfa_secret, mfa_backup_codes) on public.users from ${role.name}`);
  const as = { env: { PGUSER: role.name } };
  const codes = (name: string) => [
    'codes',
    who.id,
    ...WHY,
    '--confirm',
    who.name,
    '--codes-to',
    path.join(site.folder, name),
  ];
  await site.database.query('create rule r as on update to public.users do instead nothing');
  const dropped = await site.json(codes('one'), as);
  expect(dropped).toMatchObject({ exitCode: 20, error: { code: 'E_NOT_KEPT' } });
  expect(existsSync(path.join(site.folder, 'one'))).toBe(false);
  await site.database.query('drop rule r on public.users');
  const done = await site.json(codes('two'), as);
  expect(done).toMatchObject({ exitCode: 0, doc: { changed: true } });
  expect(done.doc.result.warnings.join()).toContain('cannot read back');
  await role.drop();
});

test('a violated constraint is exit 20, not an unreachable server, and no codes are handed out', async () => {
  const site = await mfaSite('3dpot', { here: true });
  const who = await site.seed();
  await site.database.query('alter table public.users add constraint no_secrets check (mfa_secret is null)');
  const file = path.join(site.folder, 's');
  const enroll = ['enroll', who.id, ...WHY, '--confirm', who.name, '--secret-to', file];
  const refused = await site.json(enroll);
  expect(refused).toMatchObject({ exitCode: 20, error: { code: 'E_DB_CONSTRAINT', changed: 'nothing' } });
  expect(refused.error.message).toContain('no_secrets');
  await site.database.query(`alter table public.users drop constraint no_secrets;
    ${rewrites('public.users', `raise exception 'frozen for the audit'`)}`);
  const raised = await site.json(enroll);
  expect(raised).toMatchObject({ exitCode: 20, error: { code: 'E_DB_CONSTRAINT' } });
  expect(raised.error.message).toContain('frozen for the audit');
  expect(existsSync(file)).toBe(false);
});
