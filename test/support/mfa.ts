import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { storedCodes } from '../../src/mfa/backup-codes.js';
import { decodeBase32, encodeBase32 } from '../../src/mfa/base32.js';
import { sealSecret } from '../../src/mfa/envelope.js';
import { freshDatabase, type SchemaName, type TestDatabase } from './database.js';
import { FORMS } from './mfa-forms.js';
import { potctl, type Ran, type RunOptions } from './run-cli.js';
import { potctlHere } from './run-main.js';

export type Form = Exclude<SchemaName, 'all-objects'>;
export const ALL_FORMS: readonly Form[] = ['3dpot', 'viu', 'evo', 'evo-production', 'native'];

/** A reason that is one. */
export const WHY = ['--reason', 'new phone, called back at the number on file'] as const;

export interface TestPerson {
  readonly id: string;
  /** By which potctl shows the person, and what must be typed. */
  readonly name: string;
  /** `3dpot:<id>`: the person in potctl's own tables. */
  readonly key: string;
}

/** What stands in the application's tables. */
export interface StoredFactor {
  readonly enabled: boolean;
  readonly secret: string | null;
  readonly codes: readonly string[];
}

/** The database of an application with potctl's schema in it, and a profile for it. */
export interface MfaSite {
  readonly form: Form;
  readonly database: TestDatabase;
  readonly folder: string;
  /** The configuration file with the profile `test`. */
  readonly config: string;
  /** `potctl mfa …` as a process; with `here` in this one: see potctlHere. */
  mfa(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** The same with --json: the exit code, and what stood on stdout, or the error of stderr. */
  json(args: readonly string[], options?: RunOptions): Promise<Answer>;
  seed(options?: Seed): Promise<TestPerson>;
  /** Switches a second factor on, as the application would; codes as given. */
  enable(person: TestPerson, codes?: readonly string[], secret?: string): Promise<string>;
  stored(person: TestPerson): Promise<StoredFactor>;
  remove(): Promise<void>;
}

export interface Answer {
  readonly exitCode: number | null;
  // biome-ignore lint/suspicious/noExplicitAny: documents of many commands
  readonly doc: any;
  // biome-ignore lint/suspicious/noExplicitAny: the error of a refused command
  readonly error: any;
}

export interface Seed {
  readonly name?: string;
  readonly fullName?: string;
  readonly admin?: boolean;
  /** Live sessions. Default 0. */
  readonly sessions?: number;
}

export const MFA_KEY = Buffer.alloc(32, 7);

export interface SiteOptions {
  /** The caller removes it. */
  readonly keep?: boolean;
  /** Commands run in the process of the tests, one after the other: see potctlHere. */
  readonly here?: boolean;
  /** Of potctl's own schema. Default: the newest. */
  readonly version?: 0 | 1 | 2 | 3;
  /** More lines for the configuration file. */
  readonly profile?: string;
  /** A database with the application's tables that is there already, and how potctl finds its server. */
  readonly on?: TestDatabase;
  readonly env?: Readonly<Record<string, string>>;
}

/** An application's database; it goes when the test ends unless `keep` is set: then call `remove` in afterAll. */
export async function mfaSite(
  form: Form,
  { keep = false, here = false, version = 3, profile = '', on, env: where = {} }: SiteOptions = {},
): Promise<MfaSite> {
  const template = (name: string) => readFile(new URL(`../../templates/sql/${name}.sql`, import.meta.url), 'utf8');
  const names = [1, 2, 3].filter((n) => n <= version).map((n) => `potctl-${n}`);
  if (form === 'native' && version >= 3) names.push('native-2');
  const more = await Promise.all(names.map(template));
  const database = on ?? (await freshDatabase({ schema: form, more, dropAfterTest: false }));
  if (on !== undefined) for (const sql of more) await database.query(sql);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'potctl-mfa-'));
  const [key, config] = [path.join(folder, 'key'), path.join(folder, 'config.yaml')];
  await writeFile(key, MFA_KEY, { mode: 0o400 });
  await writeFile(config, `profiles:\n  test:\n    mfa: { keys: { k1: { file: ${key} } } }\n${profile}`);
  const remove = async (): Promise<void> => {
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  };
  if (!keep) onTestFinished(remove);
  const mfa: MfaSite['mfa'] = (args, options = {}) => {
    return (here ? potctlHere : potctl)(['mfa', ...args, '--config', config, '-p', 'test'], {
      ...options,
      env: { ...where, PGDATABASE: database.name, ...options.env },
    });
  };
  const json: MfaSite['json'] = async (args, options) => answerOf(await mfa([...args, '--json'], options));
  const seed: MfaSite['seed'] = async (options = {}) => seedPerson(database, form, options);
  const enable: MfaSite['enable'] = async (person, codes = [], secret = newSecret()) => {
    await switchOn(database, form, person, secret, codes);
    return secret;
  };
  const stored: MfaSite['stored'] = async ({ id }) => {
    const [row] = await database.query<StoredFactor>(FORMS[form].stored, [id]);
    return row ?? { enabled: false, secret: null, codes: [] };
  };
  return { form, database, folder, config, mfa, json, seed, enable, stored, remove };
}

/** What a command with --json said. */
export function answerOf({ exitCode, stdout, stderr }: Ran): Answer {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return {
    exitCode,
    doc: stdout === '' ? null : JSON.parse(stdout),
    error: last.startsWith('{') ? JSON.parse(last).error : null,
  };
}

async function seedPerson(
  { query }: TestDatabase,
  form: Form,
  { name = `ana${randomBytes(3).toString('hex')}`, fullName = 'Ana Souza', admin = false, sessions = 0 }: Seed,
): Promise<TestPerson> {
  const { person, session, namedBy } = FORMS[form];
  const [id, email] = [form === 'viu' ? `c${randomBytes(12).toString('hex')}` : randomUUID(), `${name}@example.com`];
  for (const sql of person) await query(sql.text, sql.values({ id, name, email, fullName, admin }));
  for (let n = 0; n < sessions; n += 1) await query(session!, [id, randomBytes(32).toString('hex')]);
  const shown = { id, email, name }[namedBy];
  return { id, name: shown, key: `${form === 'evo-production' ? 'evo' : form}:${id}` };
}

async function switchOn(
  { query }: TestDatabase,
  form: Form,
  { id }: TestPerson,
  secret: string,
  codes: readonly string[],
): Promise<void> {
  const { codeKind, enable, enableCodes } = FORMS[form];
  const factorId = randomUUID();
  const place = { table: 'mfa_factors', column: 'secret', factorId, userId: id };
  const text =
    form === 'native' ? sealSecret(decodeBase32(secret, 'refuse')!, place, new Map([['k1', MFA_KEY]])) : secret;
  await query(enable, form.startsWith('evo') || form === 'native' ? [id, text, factorId] : [id, text]);
  if (codeKind !== null && codes.length > 0) await query(enableCodes!, [id, await hashed(form, codeKind, codes)]);
}

/** As the application stores them; bcrypt of the lowest cost, because 30 callers compare ten each. */
async function hashed(form: Form, kind: Parameters<typeof storedCodes>[0], codes: readonly string[]) {
  if (form !== 'viu') return storedCodes(kind, codes);
  const { default: bcrypt } = await import('bcryptjs');
  return Promise.all(codes.map((code) => bcrypt.hash(code, 4)));
}

/** 160 bits in base32. */
export const newSecret = (): string => encodeBase32(randomBytes(20));

/** The step of 30 s now. */
export const stepNow = (): number => Math.floor(Date.now() / 30_000);

/** The code of `offset` steps from now. @see RFC 4226 §5.3, RFC 6238 */
export function codeAt(secret: string, offset = 0, step = stepNow()): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step + offset));
  const mac = createHmac('sha1', decodeBase32(secret, 'refuse')!).update(counter).digest();
  const number = mac.readUInt32BE(mac.at(-1)! & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

/** Codes that are right at no step within twenty minutes. */
export function wrongCodes(secret: string, count: number): string[] {
  const near = new Set(Array.from({ length: 81 }, (_, at) => codeAt(secret, at - 40)));
  const all = Array.from({ length: count + near.size }, (_, at) => String(100_000 + at * 7));
  return all.filter((code) => !near.has(code)).slice(0, count);
}

/** Waits for the next step when this one ends within `seconds`: for what must fit into one. */
export async function roomInStep(seconds: number): Promise<void> {
  const left = 30_000 - (Date.now() % 30_000);
  if (left < seconds * 1_000) await new Promise((resolve) => setTimeout(resolve, left + 50));
}
