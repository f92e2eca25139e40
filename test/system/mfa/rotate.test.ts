import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { decodeBase32 } from '../../../src/mfa/base32.js';
import { openSecret, sealSecret } from '../../../src/mfa/envelope.js';
import { connect } from '../../support/database.js';
import { type Answer, MFA_KEY, type MfaSite, mfaSite, WHY } from '../../support/mfa.js';
import { plainRole } from '../../support/mfa-role.js';

const DIE = fileURLToPath(new URL('../../fixtures/die-between-statements.cjs', import.meta.url));
const NEW_KEY = Buffer.alloc(32, 9);
const KEYS = new Map([
  ['k1', MFA_KEY],
  ['k2', NEW_KEY],
]);

let site: MfaSite;
let secrets: Map<string, string>;
beforeEach(async () => {
  site = await mfaSite('native', { here: true });
  secrets = new Map();
  for (let n = 0; n < 5; n += 1) {
    const who = await site.seed();
    secrets.set(who.id, await site.enable(who));
  }
  const file = path.join(site.folder, 'k2');
  writeFileSync(file, NEW_KEY, { mode: 0o400 });
  writeConfig(`{ k1: { file: ${path.join(site.folder, 'key')} }, k2: { file: ${file} } }`);
});

function writeConfig(keys: string, more = ''): void {
  writeFileSync(site.config, `profiles:\n  test:\n    mfa: { keys: ${keys} }\n${more}`);
}

const rotate = (...flags: string[]): Promise<Answer> => site.json(['rotate', ...WHY, ...flags]);

interface Row {
  readonly id: string;
  readonly user_id: string;
  readonly secret: string;
}

const rows = (): Promise<Row[]> =>
  site.database.query<Row>('select id::text, user_id::text, secret from potctl_app.mfa_factors order by id');

/** Under which key each secret rests; it must still be the person's. */
async function keysInUse(): Promise<string[]> {
  return (await rows()).map(({ id, user_id, secret }) => {
    const place = { table: 'mfa_factors', column: 'secret', factorId: id, userId: user_id };
    const opened = openSecret(secret, place, KEYS);
    expect(opened.ok && Buffer.from(opened.secret)).toEqual(
      Buffer.from(decodeBase32(secrets.get(user_id)!, 'refuse')!),
    );
    return opened.keyId!;
  });
}

const entries = () =>
  site.database.query(
    `select action, target, reason, details - 'by' as details from potctl.journal where action = 'mfa.rotate' order by seq`,
  );

test('re-encrypts all secrets with the newest key, one journal entry per batch; a second run changes nothing', async () => {
  const before = await rows();
  const tried = await rotate('--dry-run');
  expect(tried).toMatchObject({ exitCode: 0, doc: { changed: false, result: { pending: 5, resealed: 0 } } });
  expect(await rows()).toEqual(before);

  const done = await rotate('--confirm', 'k2', '--batch', '2');
  expect(done).toMatchObject({
    exitCode: 0,
    doc: { changed: true, result: { to: 'k2', resealed: 5, unreadable: [] } },
  });
  expect(await keysInUse()).toEqual(Array(5).fill('k2'));
  const entry = (count: number) => ({
    ...{ action: 'mfa.rotate', target: 'native:key:k2', reason: WHY[1] },
    details: { changed: true, to: 'k2', from: { k1: count }, count },
  });
  expect(await entries()).toEqual([entry(2), entry(2), entry(1)]);

  // Nobody is asked where nothing would change.
  const again = await rotate();
  expect(again).toMatchObject({ exitCode: 0, doc: { changed: false, result: { resealed: 0, settled: 5 } } });
  expect(await entries()).toHaveLength(3);
});

test('is undone with --to, and codes are accepted all the time', async () => {
  await rotate('--confirm', 'k2');
  const back = await rotate('--to', 'k1', '--confirm', 'k1');
  expect(back).toMatchObject({ exitCode: 0, doc: { changed: true, result: { to: 'k1', resealed: 5 } } });
  expect(await keysInUse()).toEqual(Array(5).fill('k1'));
  const checked = await site.json(['check', '--keys']);
  expect(checked.doc.item.keys).toEqual([
    { key: 'k1', count: 5, problem: null, newest: false },
    { key: 'k2', count: 0, problem: null, newest: true },
  ]);
});

test('secrets that no key can decrypt are not changed, are reported, and give exit code 3', async () => {
  const [first, second] = await rows();
  const place = { table: 'mfa_factors', column: 'secret', factorId: first!.id, userId: first!.user_id };
  const lost = sealSecret(Buffer.alloc(20, 1), place, new Map([['lost', Buffer.alloc(32, 3)]]));
  await store(first!.id, lost);
  // A secret that was moved here from another row.
  await store(second!.id, first!.secret);

  const { exitCode, doc } = await rotate('--confirm', 'k2');
  expect({ exitCode, resealed: doc.result.resealed }).toEqual({ exitCode: 3, resealed: 3 });
  expect(doc.result.unreadable).toEqual([
    { key: 'lost', problem: 'unknown key', count: 1 },
    { key: 'k1', problem: 'does not open', count: 1 },
  ]);
  const stored = new Map((await rows()).map(({ id, secret }) => [id, secret]));
  expect([stored.get(first!.id), stored.get(second!.id)]).toEqual([lost, first!.secret]);
  expect(await rotate()).toMatchObject({ exitCode: 3, doc: { changed: false } });
});

test('killed at any point, every secret can be decrypted, every batch has its journal entry, and the next run continues', async () => {
  let kills = 0;
  for (; kills < 40; kills += 2) {
    const { signal } = await site.mfa(['rotate', ...WHY, '--confirm', 'k2', '--batch', '1'], {
      env: { NODE_OPTIONS: `--require ${DIE}`, DIE_BEFORE: String(kills) },
    });
    const moved = (await keysInUse()).filter((key) => key === 'k2').length;
    expect(await entries()).toHaveLength(moved);
    if (signal !== 'SIGKILL') break;
  }
  expect(kills).toBeGreaterThan(8);
  expect(await keysInUse()).toEqual(Array(5).fill('k2'));
});

test('two concurrent runs re-encrypt each secret once', async () => {
  const both = await Promise.all([
    rotate('--confirm', 'k2', '--batch', '1'),
    rotate('--confirm', 'k2', '--batch', '2'),
  ]);
  expect(both.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  expect(both.reduce((sum, { doc }) => sum + doc.result.resealed, 0)).toBe(5);
  expect(await keysInUse()).toEqual(Array(5).fill('k2'));
});

test('a locked row ends it with exit 11, and the error says how far it got', async () => {
  const [, , third] = await rows();
  const other = await connect(site.database.name);
  await other.query('begin');
  await other.query('select 1 from potctl_app.mfa_factors where id = $1 for update', [third!.id]);
  const { exitCode, error } = await rotate('--confirm', 'k2', '--batch', '1');
  await other.end();
  expect({ exitCode, changed: error.changed }).toEqual({ exitCode: 11, changed: 'partial' });
  expect(JSON.stringify(error)).toContain("2 secrets are re-encrypted with 'k2'");
  expect((await keysInUse()).filter((key) => key === 'k2')).toHaveLength(2);
});

test.each(['before', 'instead'])('a trigger that changes what is written (%s) rolls back the batch', async (how) => {
  const before = await rows();
  await site.database.query(`create function potctl_app.meddle() returns trigger language plpgsql as
    $$ begin ${how === 'before' ? 'return null' : `new.secret := old.secret; return new`}; end $$;
    create trigger meddle before update on potctl_app.mfa_factors for each row execute function potctl_app.meddle()`);
  const { exitCode, error } = await rotate('--confirm', 'k2');
  expect({ exitCode, code: error.code, changed: error.changed }).toEqual({
    ...{ exitCode: 20, code: 'E_NOT_KEPT', changed: 'nothing' },
  });
  expect(await rows()).toEqual(before);
  expect(await entries()).toEqual([]);
});

test('nothing is re-encrypted without a journal entry', async () => {
  const role = await plainRole(site);
  const before = await rows();
  const append = 'function potctl.audit_append(text, text, text, text, text, text, text, text, jsonb)';
  await site.database.query(`revoke execute on ${append} from ${role.name}`);
  const { exitCode, error } = await site.json(['rotate', ...WHY, '--confirm', 'k2'], { env: { PGUSER: role.name } });
  expect({ exitCode, code: error.code, changed: error.changed }).toEqual({
    ...{ exitCode: 12, code: 'E_DB_DENIED', changed: 'nothing' },
  });
  expect(await rows()).toEqual(before);
  await role.drop();
});

test.each<[string, () => unknown, readonly string[], number, string]>([
  ['no key', () => writeConfig('{}'), [], 15, 'E_MFA_KEY'],
  ['a key that is not there', () => {}, ['--to', 'k9'], 15, 'E_MFA_KEY'],
  ['another key typed', () => {}, ['--confirm', 'k1'], 30, 'E_CONFIRM_WRONG'],
  ['nothing typed', () => {}, [], 30, 'E_CONFIRM_REQUIRED'],
  ['a reason of two letters', () => {}, ['--reason', 'ok'], 30, 'E_REASON_REQUIRED'],
  ['no batch', () => {}, ['--batch', '0'], 2, 'E_USAGE'],
  ['no schema of its own', () => site.database.query('drop schema potctl cascade'), [], 17, 'E_SETUP_MISSING'],
  ['a protected command', () => protect('mfa.rotate'), ['--confirm', 'k2'], 30, 'E_BREAK_GLASS'],
])('%s: refused, and nothing is changed', async (_case, prepare, flags, exit, code) => {
  const before = await rows();
  await prepare();
  const { exitCode, error } = await site.json(['rotate', ...(flags[0] === '--reason' ? [] : WHY), ...flags]);
  expect({ exitCode, code: error.code, changed: error.changed }).toEqual({ exitCode: exit, code, changed: 'nothing' });
  expect(await rows()).toEqual(before);
});

test('an application with plain-text secrets has no keys to rotate', async () => {
  const plain = await mfaSite('viu');
  expect(await plain.json(['rotate', ...WHY])).toMatchObject({ exitCode: 30, error: { code: 'E_UNSUPPORTED' } });
});

const store = (id: string, secret: string) =>
  site.database.query('update potctl_app.mfa_factors set secret = $2 where id = $1', [id, secret]);

const protect = (command: string): void =>
  writeConfig(
    `{ k1: { file: ${path.join(site.folder, 'key')} }, k2: { file: ${path.join(site.folder, 'k2')} } }`,
    `    guards: { protected: [${command}] }\n`,
  );
