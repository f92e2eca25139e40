import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeAt, type MfaSite, mfaSite, newSecret, type TestPerson, WHY } from '../../support/mfa.js';

const DIE = fileURLToPath(new URL('../../fixtures/die-between-statements.cjs', import.meta.url));
/** More than any change sends. */
const ENOUGH = 120;

let site: MfaSite;
beforeAll(async () => {
  site = await mfaSite('3dpot', { keep: true });
});
afterAll(() => site.remove());

interface Change {
  /** A kill before each of so many things that are sent. */
  readonly each: number;
  readonly seed: () => Promise<{ readonly who: TestPerson; readonly secret: string }>;
  readonly args: (who: TestPerson, attempt: number) => readonly string[];
  readonly stdin?: (secret: string) => string;
}

const enabled = async () => {
  const who = await site.seed({ sessions: 2 });
  return { who, secret: await site.enable(who, ['1234-5678', '2345-6789']) };
};
const begun = async () => {
  const [who, secret] = [await site.seed({ sessions: 2 }), newSecret()];
  await site.database.query('update users set mfa_secret = $2, updated_at = now() where id = $1', [who.id, secret]);
  return { who, secret };
};
const bare = async () => ({ who: await site.seed(), secret: '' });
const confirmed = ({ name }: TestPerson) => ['--confirm', name];

const CHANGES: Readonly<Record<string, Change>> = {
  reset: { each: 1, seed: enabled, args: confirmed },
  codes: {
    each: 6,
    seed: enabled,
    args: (who, attempt) => [...confirmed(who), '--codes-to', path.join(site.folder, `codes-${who.id}-${attempt}`)],
  },
  enroll: {
    each: 6,
    seed: bare,
    args: (who, attempt) => [...confirmed(who), '--secret-to', path.join(site.folder, `secret-${who.id}-${attempt}`)],
  },
  confirm: {
    each: 6,
    seed: begun,
    args: ({ id }, attempt) => ['--code-stdin', '--codes-to', path.join(site.folder, `first-${id}-${attempt}`)],
    stdin: codeAt,
  },
};

test.each(Object.entries(CHANGES))(
  '`mfa %s` killed between statements has changed all or nothing, and can be repeated',
  async (name, { each, seed, args, stdin }) => {
    const { who, secret } = await seed();
    const before = await everything(who);
    let sent = 0;
    for (; sent < ENOUGH; sent += each) {
      const { signal } = await site.mfa([name, who.id, ...WHY, ...args(who, sent)], {
        env: { NODE_OPTIONS: `--require ${DIE}`, DIE_BEFORE: String(sent) },
        ...(stdin === undefined ? {} : { stdin: stdin(secret) }),
      });
      if (signal !== 'SIGKILL') break;
      const now = await everything(who);
      // The last thing sent may have been the COMMIT: then everything is there, with its line in the journal.
      if (now.journal === before.journal) expect(now).toEqual(before);
      else break;
    }
    expect(sent).toBeGreaterThan(8);
    expect(sent).toBeLessThan(ENOUGH);
    const done = await everything(who);
    expect({ journal: done.journal, audit: done.audit }).toEqual({
      journal: before.journal + 1,
      audit: before.audit + 1,
    });
    expect(done.row).not.toEqual(before.row);
  },
);

async function everything({ id, key }: TestPerson) {
  const { query } = site.database;
  const count = async (sql: string, value: string): Promise<number> =>
    Number((await query<{ count: string }>(sql, [value]))[0]!.count);
  return {
    row: await query('select * from users where id = $1', [id]),
    sessions: await query('select * from refresh_tokens where user_id = $1 order by id', [id]),
    steps: await query('select * from potctl.mfa_step where starts_with(factor, $1)', [key]),
    audit: await count('select count(*) from audit_log where user_id = $1', id),
    journal: await count(`select count(*) from potctl.journal where target = $1 and action <> 'mfa.status'`, key),
  };
}
