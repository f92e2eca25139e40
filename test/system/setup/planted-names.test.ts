import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LoggedCluster, startLoggedCluster } from '../../support/logged-cluster.js';
import { codeAt, type Form, type MfaSite, mfaSite, roomInStep, WHY, wrongCodes } from '../../support/mfa.js';
import { potctlHere } from '../../support/run-main.js';
import { plantEverything, RAN } from './planted.js';

let cluster: LoggedCluster;
let maintenance: Planted;
beforeAll(async () => {
  cluster = await startLoggedCluster();
  maintenance = await cluster.open('postgres');
  await maintenance.query('create role mallory login');
  await plantIn(maintenance, 'postgres', ['public']);
});
afterAll(() => cluster.stop());

type Planted = Parameters<typeof plantEverything>[0];

/** Mallory may create in these schemas, and they are the first in everybody's path there. */
async function plantIn(database: Planted, name: string, schemas: readonly string[]): Promise<void> {
  for (const schema of schemas) {
    await database.query(`grant usage, create on schema ${schema} to mallory`);
    const planted = await plantEverything(database, schema, 'mallory');
    for (const [kind, least] of Object.entries({
      function: 3000,
      aggregate: 100,
      operator: 700,
      type: 60,
      relation: 100,
    }))
      expect(planted[kind as keyof typeof planted]).toBeGreaterThan(least);
  }
  await database.query(`alter database ${name} set search_path = ${[...schemas, 'pg_catalog'].join(', ')}`);
}

/** Which of the planted objects ran since. A statement that only speaks of them is none. */
async function ranSince(from: number): Promise<string[]> {
  // The log comes by a pipe of its own: with this statement in it, everything before is, too.
  const mark = `read up to ${randomUUID()}`;
  await maintenance.query(`select '${mark}'`);
  while (!cluster.log().some((line) => line.includes(mark))) await new Promise((resolve) => setTimeout(resolve, 20));
  const lines = cluster.log().slice(from);
  return lines.flatMap((line) => new RegExp(`LOG: +\\w{5}: ${RAN} (.*)`).exec(line)?.[1] ?? []);
}

async function planted(form: Form, profile = ''): Promise<MfaSite> {
  const database = await cluster.database(form);
  const schemas = form === 'native' ? ['potctl_app', 'public'] : ['public'];
  await plantIn(database, database.name, schemas);
  const site = await mfaSite(form, { here: true, version: 0, on: database, env: cluster.env, profile });
  const from = cluster.log().length;
  const other = await cluster.open(database.name);
  await other.query(`select length('x'::pg_catalog.varchar)`);
  expect(await ranSince(from)).not.toEqual([]);
  return site;
}

const PATH = 'public,pg_catalog';

const run = (site: MfaSite, ...args: string[]) =>
  potctlHere([...args, '--config', site.config, '-p', 'test'], {
    env: { ...cluster.env, PGDATABASE: site.database.name, PGOPTIONS: `-c search_path=${PATH}` },
  });

/** Everything about second factors, from enrolment to reset. */
async function useMfa(site: MfaSite): Promise<void> {
  const who = await site.seed({ sessions: site.form === '3dpot' ? 1 : 0 });
  const [secret, codes] = [path.join(site.folder, 'secret'), path.join(site.folder, 'codes')];
  const well = async (args: readonly string[], stdin?: string): Promise<void> => {
    const { exitCode, stderr } = await site.mfa(args, stdin === undefined ? {} : { stdin });
    expect({ args, exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ args, exitCode: 0, stderr: '' });
  };
  const change = (verb: string, ...flags: string[]) => well([verb, who.id, ...WHY, '--confirm', who.name, ...flags]);
  await change('enroll', '--secret-to', secret);
  // VIU takes a code in its own half minute only, and ten hashes take seconds.
  await roomInStep(site.form === 'viu' ? 15 : 3);
  const typed = (await readFile(secret, 'utf8')).trim();
  const withCodes = site.form === '3dpot' || site.form === 'viu' || site.form === 'native';
  const keep = withCodes ? ['--codes-to', codes] : [];
  await well(['confirm', who.id, ...WHY, '--code-stdin', ...keep], codeAt(typed));
  await site.mfa(['verify', who.id, '--code-stdin'], { stdin: wrongCodes(typed, 1)[0]! });
  const next = withCodes ? (await readFile(codes, 'utf8')).split('\n')[0]! : codeAt(typed, 1);
  await well(['verify', who.id, '--code-stdin'], next);
  if (withCodes) await change('codes', '--codes-to', path.join(site.folder, 'new-codes'));
  for (const args of [['status', who.id], ['list'], ['list', '--state', 'locked'], ['stats'], ['explain', who.id]])
    await well(args);
  await site.mfa(['check', ...(site.form === 'native' ? ['--keys'] : [])]);
  await change('unlock');
  await change('reset');
  await change('disable');
  if (site.form === 'native') await site.mfa(['rotate', ...WHY, '--yes']);
}

test.each<Form>(['3dpot', 'viu', 'evo-production', 'native'])(
  '%s: setup, mfa, history, audit and doctor run nothing that another role planted in the schemas of the search_path',
  async (form) => {
    const site = await planted(form);
    const from = cluster.log().length;

    const done = [
      await run(site, 'setup', '--yes', ...WHY),
      await run(site, 'history'),
      await run(site, 'audit', 'verify'),
    ];
    await useMfa(site);
    done.push(await run(site, 'history'), await run(site, 'audit', 'verify'));
    done.push(await run(site, 'grants', 'sql', '--role', 'support'));
    await run(site, 'doctor');

    expect(done.map(({ exitCode, stderr }) => (exitCode === 0 ? 0 : stderr))).toEqual(done.map(() => 0));
    expect(await ranSince(from)).toEqual([]);
  },
  180_000,
);

test('backup, verify, restore and undo run nothing that was planted, whatever search_path the role and PGOPTIONS set', async () => {
  const site = await planted(
    '3dpot',
    `    references: "select email from public.users where lower(email) = 'nobody'"\n`,
  );
  const files = path.join(site.folder, 'tree');
  await mkdir(files);
  await writeFile(path.join(files, 'a'), 'a');
  expect(await run(site, 'setup', '--yes', ...WHY)).toMatchObject({ exitCode: 0 });
  await site.seed();
  await site.database.query(`alter role postgres set search_path = ${PATH}`);
  const from = cluster.log().length;
  const { name } = site.database;

  const place = ['--repository', path.join(site.folder, 'repository')];
  const both = ['--files', files, ...place];
  const lines = [
    ['backup', 'create', ...both],
    ['backup', 'list', ...place],
    ['backup', 'verify', 'latest', '--level', 'full', ...place],
    ['restore', 'plan', 'latest', ...both],
    ['restore', 'run', 'latest', '--tables', 'users', '--into-schema', 'found', ...place, '--confirm', 'found'],
    ['restore', 'run', 'latest', ...both, '--confirm', name],
    ['restore', 'list', ...place],
    ['restore', 'undo', ...both, '--confirm', name],
  ];
  const done: unknown[] = [];
  for (const line of lines) {
    const { exitCode, stderr } = await run(site, ...line);
    done.push(exitCode === 0 ? 0 : `${line.join(' ')}: ${exitCode} ${stderr}`);
  }

  expect(done).toEqual(lines.map(() => 0));
  expect(await ranSince(from)).toEqual([]);
}, 240_000);
