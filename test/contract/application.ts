import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { type Adapter, OVERVIEW_COLUMNS, type Person, type WithMfa } from '../../src/applications/application.js';
import { detectApplication } from '../../src/applications/detect.js';
import { APPLICATIONS } from '../../src/applications/known.js';
import { findNear } from '../../src/applications/near.js';
import { openApplication } from '../../src/applications/open.js';
import { freshDatabase, quote, type TestDatabase } from '../support/database.js';
import type { FormSql } from '../support/mfa-forms.js';
import { openTestServer } from '../support/server.js';
import { changes } from './application-changes.js';
import { records } from './application-records.js';
import { useCases } from './application-use-cases.js';

/** An application for its contract: its adapter, its tables, and how rows of it are written without the adapter. */
export interface ApplicationFixture {
  readonly label: string;
  readonly adapter: Adapter<WithMfa>;
  /** The DDL of its tables. */
  sql(): string | Promise<string>;
  readonly schema: string;
  newId(): string;
  /** Its table of security events; null = it has none. */
  readonly events: string | null;
  readonly rows: FormSql;
}

/** A database of the application with potctl's schema in it. */
export interface ContractSite {
  readonly fixture: ApplicationFixture;
  readonly database: TestDatabase;
  seed(options?: {
    readonly admin?: boolean;
  }): Promise<{ readonly id: string; readonly email: string; readonly name: string }>;
  /** All that are looked for, this one among them. */
  readonly known: readonly Adapter[];
  /** The application as a command opens it. */
  open(): ReturnType<typeof openApplication>;
  person(id: string): Promise<Person>;
}

const AUTO = { name: 'auto', schema: null } as const;

/** What every Application promises; see the interface for the wording. A facet is asked only where the application has it. */
export function applicationContract(fixture: ApplicationFixture): void {
  describe(`${fixture.label} keeps the contract of an application`, () => {
    detection(() => contractSite(fixture));
    people(() => contractSite(fixture));
    changes(() => contractSite(fixture), fixture);
    records(() => contractSite(fixture), fixture);
    useCases(() => contractSite(fixture), fixture);
  });
}

async function contractSite(fixture: ApplicationFixture): Promise<ContractSite> {
  const { adapter, rows, schema } = fixture;
  const known = [...APPLICATIONS.filter(({ name }) => name !== adapter.name), adapter];
  const database = await freshDatabase({ schema: await fixture.sql() });
  const template = (name: string) => readFile(new URL(`../../templates/sql/${name}.sql`, import.meta.url), 'utf8');
  for (const n of [1, 2, 3]) await database.query(await template(`potctl-${n}`));
  if (schema === 'potctl_app') await database.query(await template('native-2'));
  const server = openTestServer(database.name);
  const open = () => openApplication(server, AUTO, 'test', known);
  return {
    ...{ fixture, database, known, open },
    async seed({ admin = false } = {}) {
      const name = `ana${randomBytes(3).toString('hex')}`;
      const who = { id: fixture.newId(), name, email: `${name}@example.com` };
      for (const sql of rows.person)
        await database.query(sql.text, sql.values({ ...who, fullName: 'Ana Souza', admin }));
      return who;
    },
    async person(id) {
      const { application, session } = await open();
      return (await application.people.find(await session('test'), id))[0]!;
    },
  };
}

function detection(site: () => Promise<ContractSite>): void {
  test('it is recognized among all others, in the schema of its tables', async () => {
    const { fixture, open } = await site();
    const { application, schema } = await open();
    expect([application.name, schema]).toEqual([fixture.adapter.name, fixture.schema]);
  });

  test('each missing table and column, and each wrong type, is named before anything is written', async () => {
    const { fixture, database, known, open } = await site();
    const { tables, signature } = (await open()).application;
    const asked = await openTestServer(database.name).session({ purpose: 'test' });
    const problem = () => problemOf(detectApplication(asked, AUTO, known));
    for (const { name, columns } of tables) {
      const table = `${quote(fixture.schema)}.${quote(name)}`;
      await database.query(`alter table ${table} rename to put_away`);
      expect(await problem()).toContain(
        name === signature.table ? 'does not have the tables of a known application' : `the table ${name} is missing`,
      );
      await database.query(`alter table ${quote(fixture.schema)}.put_away rename to ${quote(name)}`);
      for (const [column, types] of Object.entries(columns)) {
        const isSign = name === signature.table && signature.columns.includes(column);
        await database.query(`alter table ${table} rename ${quote(column)} to put_away`);
        const missing = await problem();
        // Where it has had several forms, one of them may do without.
        if (missing !== null || fixture.adapter.formOf === undefined)
          expect(missing).toContain(isSign ? `has no ${column}` : `${name}.${column} is missing`);
        await database.query(`alter table ${table} add ${quote(column)} point`);
        expect(await problem()).toContain(`${name}.${column} is point, not ${types.join(' or ')}`);
        await database.query(`alter table ${table} drop ${quote(column)}`);
        await database.query(`alter table ${table} rename put_away to ${quote(column)}`);
      }
    }
    expect(await problem()).toBeNull();
  });

  test('a schema without its tables is not recognized', async () => {
    const { database } = await site();
    const empty = await openTestServer(database.name).session({ purpose: 'test' });
    await expect(detectApplication(empty, { name: 'auto', schema: 'pg_temp' })).rejects.toMatchObject({
      code: 'E_APPLICATION',
    });
  });
}

/** Why it is not recognized; null = it is. */
async function problemOf(detecting: Promise<unknown>): Promise<string | null> {
  return detecting.then(
    () => null,
    ({ message, why }: { message: string; why?: unknown }) => `${message}\n${why}`,
  );
}

function people(site: () => Promise<ContractSite>): void {
  test('a person is found by id, and by email and user name in any case, and nobody else is found', async () => {
    const { fixture, seed, open } = await site();
    const [ana, chief] = [await seed(), await seed({ admin: true })];
    const { application, session } = await open();
    const asked = await session('test');
    const find = async (wanted: string) => (await application.people.find(asked, wanted)).map(({ id }) => id);
    const { names } = application.people;
    expect(await find(ana.id)).toEqual([ana.id]);
    expect(await find(ana.email.toUpperCase())).toEqual(names === undefined ? [] : [ana.id]);
    expect(await find(ana.name.toUpperCase())).toEqual(names?.username === undefined ? [] : [ana.id]);
    expect(await find('nobody@example.com')).toEqual([]);
    const near = await findNear(asked, application, ana.email.slice(0, -1), ['a', 'A']);
    expect(near.map(({ id }) => id).includes(ana.id)).toBe(names !== undefined);
    const [found] = await application.people.find(asked, chief.id);
    expect(found).toMatchObject({ id: chief.id, isAdmin: true, name: 'Ana Souza', lockedUntil: null });
    expect((await application.people.find(asked, ana.id))[0]).toMatchObject({ isAdmin: false });
    expect(found!.organizations.length > 0).toBe(application.people.organizations === true);
    for (const at of [found!.createdAt, found!.lastLoginAt, found!.updatedAt]) expect(at ?? UTC).toMatch(RFC3339);
    expect(fixture.adapter.people.organizations).toBe(application.people.organizations);
  });

  test('the list has every person once, with the state of the second factor and without secrets', async () => {
    const { seed, open, person } = await site();
    const [ana, chief] = [await seed(), await seed({ admin: true })];
    const { application, session } = await open();
    const asked = await session('test');
    expect((await person(ana.id)).id).toBe(ana.id);
    for (const secrets of [true, false]) {
      const { sql, keyType } = application.mfa!.overview(secrets);
      const rows = await asked.query<{ id: string; admin: boolean; enabled: boolean; secret: string }>(
        `select ${OVERVIEW_COLUMNS} from (${sql}) as raw where key is distinct from null::${keyType} order by key`,
      );
      const [first, second] = [ana, chief].map(({ id }) => rows.filter((row) => row.id === id));
      expect(first).toMatchObject([{ admin: false, enabled: false }]);
      expect(second).toMatchObject([{ admin: true, enabled: false }]);
      for (const { secret } of rows) expect(['none', 'hidden']).toContain(secret);
    }
  });
}

const UTC = '2026-01-01T00:00:00.000000Z';
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
