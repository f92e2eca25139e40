import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LoggedCluster, startLoggedCluster } from '../../support/logged-cluster.js';
import { codeAt, type MfaSite, mfaSite, type TestPerson, WHY, wrongCodes } from '../../support/mfa.js';
import { plainRole } from '../../support/mfa-role.js';
import type { Ran } from '../../support/run-cli.js';

let cluster: LoggedCluster;
beforeAll(async () => {
  cluster = await startLoggedCluster();
});
afterAll(() => cluster.stop());

/** Secrets, codes and hashes of any person, also of those that were never handed out. */
const SHAPES = {
  'a secret in base32': /(?<![A-Z2-7])[A-Z2-7]{32}(?![A-Z2-7])/,
  'a backup code': /(?<![\w-])([0-9]{4}-[0-9]{4}|[0-9A-F]{4}-[0-9A-F]{4}|[0-9A-Z]{4}(-[0-9A-Z]{4}){3})(?![\w-])/,
  'a hash': /\$2[aby]\$10\$|potctl\$scrypt\$16/,
  'a sealed secret': /potctl:v1:k1:/,
  'an address': /otpauth:/,
};

/** What every process of this machine shows to others while `work` runs. */
async function watched<T>(work: () => Promise<T>): Promise<{ result: T; seen: string }> {
  const seen = new Set<string>();
  const look = (): void => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      for (const name of ['cmdline', 'environ']) {
        try {
          seen.add(readFileSync(`/proc/${pid}/${name}`, 'latin1'));
        } catch {
          // It has ended, or belongs to somebody else.
        }
      }
    }
  };
  const timer = setInterval(look, 100);
  const result = await work().finally(() => clearInterval(timer));
  return { result, seen: [...seen].join('\n') };
}

interface Told {
  readonly output: string[];
  /** What was typed or handed out. */
  readonly canaries: string[];
}

/** All of it as potctl is used, then all of it again while a constraint refuses every write. */
async function scenes(site: MfaSite, env: Record<string, string>): Promise<Told> {
  const told: Told = { output: [], canaries: [] };
  const mfa = async (args: readonly string[], stdin?: string): Promise<Ran> => {
    const ran = await site.mfa([...args, '--debug', '--log-format', 'json'], { env, ...(stdin && { stdin }) });
    told.output.push(ran.stdout, ran.stderr);
    if (stdin) told.canaries.push(stdin);
    return ran;
  };
  const change = (name: string, who: TestPerson, ...flags: string[]) =>
    mfa([name, who.id, ...WHY, ...(name === 'confirm' ? [] : ['--confirm', who.name]), ...flags]);
  const lines = async (name: string): Promise<string[]> =>
    (await readFile(path.join(site.folder, name), 'utf8')).trimEnd().split('\n');
  const verify = (who: TestPerson, code: string) => mfa(['verify', who.id, '--code-stdin'], code);

  const [who, waiting, late] = [await site.seed(), await site.seed(), await site.seed()];
  const secrets: string[] = [];
  for (const [n, one] of [who, waiting].entries()) {
    expect(await change('enroll', one, '--secret-to', path.join(site.folder, `s${n}`))).toMatchObject({ exitCode: 0 });
    secrets.push(...(await lines(`s${n}`)));
  }
  const confirm = (one: TestPerson, secret: string) =>
    mfa(
      ['confirm', one.id, ...WHY, '--code-stdin', '--codes-to', path.join(site.folder, `c-${one.id}`)],
      codeAt(secret),
    );
  expect(await confirm(who, secrets[0]!)).toMatchObject({ exitCode: 0 });
  const codes = await lines(`c-${who.id}`);
  const wrong = wrongCodes(secrets[0]!, 1)[0]!;
  const used = [codes[0]!, codes[0]!, wrong, codeAt(secrets[0]!)];
  expect([(await verify(who, used[0]!)).exitCode, (await verify(who, used[1]!)).exitCode]).toEqual([0, 30]);
  expect((await verify(who, wrong)).exitCode).toBe(30);
  told.canaries.push(...secrets, ...codes);

  for (const [table, column] of BROKEN[site.form as keyof typeof BROKEN]) {
    await site.database.query(`alter table ${table} add constraint never check (${column} is null) not valid`);
  }
  const failed = [
    await verify(who, codes[1]!),
    await change('codes', who, '--codes-to', path.join(site.folder, 'new')),
    await change('reset', who),
    await change('enroll', late, '--secret-to', path.join(site.folder, 'late')),
    await confirm(waiting, secrets[1]!),
  ];
  expect(failed.map(({ exitCode }) => exitCode)).toEqual([20, 20, 20, 20, 20]);
  for (const { stderr } of failed) expect(stderr).toContain('violates check constraint');
  return told;
}

/** What every row of these tables lacks when it is written. */
const BROKEN = {
  '3dpot': [['users', 'email']],
  native: [
    ['potctl_app.mfa_factors', 'user_id'],
    ['potctl_app.backup_codes', 'user_id'],
    ['potctl_app.users', 'email'],
  ],
} as const;

test.each([
  ['3dpot', 'the superuser'],
  ['3dpot', 'a plain role'],
  ['native', 'a plain role'],
] as const)(
  '%s, %s: no secret, code or otpauth URI appears in output, journal, lists or server log',
  async (form, as) => {
    const site = await mfaSite(form, { on: await cluster.database(form), env: cluster.env });
    const role = as === 'the superuser' ? null : await plainRole(site);
    const from = cluster.log().length;
    const { result, seen } = await watched(() => scenes(site, role === null ? {} : { PGUSER: role.name }));
    const log = cluster.log().slice(from).join('\n');
    const journal = JSON.stringify(await site.database.query('select * from potctl.journal'));
    expect(log).toContain('potctl.audit_append');
    expect(log).toContain('violates check constraint');

    const places = { output: result.output.join('\n'), journal, log, seen };
    for (const [place, text] of Object.entries(places)) {
      const found = result.canaries.filter((canary) => canary.length > 6 && text.includes(canary));
      expect({ place, found }).toEqual({ place, found: [] });
      if (place === 'seen') continue;
      const shapes = Object.entries(SHAPES)
        .filter(([, shape]) => shape.test(text))
        .map(([name]) => name);
      expect({ place, shapes }).toEqual({ place, shapes: [] });
    }
    for (const code of result.canaries.filter(({ length }) => length === 6)) {
      for (const text of [places.output, log]) expect(text).not.toMatch(new RegExp(`(?<![\\w.])${code}(?!\\w)`));
    }
  },
  300_000,
);
