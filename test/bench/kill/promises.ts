import fs from 'node:fs';
import path from 'node:path';
import type { Operation } from './points.js';
import type { Potctl } from './run.js';
import { DATABASE, type Letter, type SampleApplication } from './sample-application.js';

/** A command whose tool or server was killed may only succeed if it did what it says. */
export async function checkSuccess(sample: SampleApplication, potctl: Potctl, operation: Operation): Promise<string[]> {
  if (operation === 'create') {
    const verify = ['backup', 'verify', 'latest', '--level', 'full', '--repository', sample.repository];
    const { exitCode } = await potctl.run(verify);
    return exitCode === 0 ? [] : ['create succeeded, but its backup is not good'];
  }
  const wanted = operation === 'restore' ? 'new' : 'old';
  const found = [(await sample.databases()).get(DATABASE), sample.trees().get('live')];
  return found.every((letter) => letter === wanted) ? [] : [`${operation} succeeded and left ${found.join(', ')}`];
}

/**
 * What must hold after any kill: the live database and every kept one is wholly old or wholly new, no partial backup is listed, and the
 * same command then succeeds without a manual unlock and leaves database and tree in the same state, with nothing half kept.
 *
 * @returns what does not hold, in words
 */
export async function checkPromises(
  sample: SampleApplication,
  potctl: Potctl,
  operation: Operation,
): Promise<string[]> {
  const broken = [
    ...notWhole('database after the kill', await sample.databases()),
    ...(await checkListed(sample, potctl)),
  ];
  const again = await potctl.perform(operation);
  if (again.exitCode !== 0) broken.push(`the same command ended with ${again.exitCode}: ${lastLines(again.stderr)}`);
  const databases = await sample.databases();
  const trees = sample.trees();
  broken.push(...notWhole('database', databases), ...notWhole('tree', trees));
  broken.push(...disagreement(operation, databases.get(DATABASE), trees.get('live')));
  if (operation === 'create') broken.push(...(await checkSwept(sample, potctl)));
  return broken.length === 0 ? [] : [...broken, ...evidence(sample, databases, again.stderr)];
}

/** What a person needs to find out why. */
function evidence(
  { tree, repository }: SampleApplication,
  databases: ReadonlyMap<string, Letter>,
  stderr: string,
): string[] {
  const own = fs.existsSync(tree) ? fs.readdirSync(tree).filter((name) => name.startsWith('.potctl-')) : [];
  const journals = own.filter((name) => name.endsWith('.ndjson')).map((name) => tail(path.join(tree, name), 120));
  const records = path.join(repository, 'restores');
  const runs = fs.existsSync(records)
    ? fs.readdirSync(records).map((name) => tail(path.join(records, name), 2_000))
    : [];
  return [`databases: ${[...databases].join(' ')}`, `tree: ${own.join(' ')}`, ...journals, ...runs, stderr];
}

const tail = (file: string, length: number): string =>
  `${path.basename(file)}: ${fs.readFileSync(file, 'utf8').slice(-length)}`;

function disagreement(operation: Operation, database: Letter = '-', tree: Letter = '-'): string[] {
  if (database !== tree) return [`the database is ${database}, the tree is ${tree}`];
  // An undo that had swapped before it was killed is taken back by the next one.
  const wanted: readonly Letter[] =
    operation === 'create' ? ['old'] : operation === 'restore' ? ['new'] : ['old', 'new'];
  return wanted.includes(database) ? [] : [`${operation} left ${database}`];
}

const notWhole = (what: string, found: ReadonlyMap<string, Letter>): string[] =>
  [...found]
    .filter(([, letter]) => letter === 'mixed' || letter === '-')
    .map(([name, letter]) => `${what} '${name}' is ${letter}`);

async function checkListed({ repository }: SampleApplication, potctl: Potctl): Promise<string[]> {
  const list = await potctl.run(['backup', 'list', '--json', '--repository', repository]);
  if (list.exitCode !== 0) return [`backup list ended with ${list.exitCode}: ${lastLines(list.stderr)}`];
  const { items } = JSON.parse(list.stdout) as { items: { id: string; status: string }[] };
  const broken: string[] = [];
  for (const { id, status } of items) {
    const reasons = status === 'complete' ? [] : await reasonsOf(potctl, repository, id);
    if (status !== 'complete' && !isWithoutRoles(status, reasons)) broken.push(`${id} is ${status}: ${reasons}`);
  }
  if (items.length === 0) return ['no backup is listed'];
  // One is the old backup, which every restore reads anyway.
  if (items.length === 1) return broken;
  const verified = await potctl.run(['backup', 'verify', 'latest', '--level', 'quick', '--repository', repository]);
  return verified.exitCode === 0 ? broken : [...broken, `a listed backup is not good: ${lastLines(verified.stderr)}`];
}

async function reasonsOf(potctl: Potctl, repository: string, id: string): Promise<string[]> {
  const shown = await potctl.run(['backup', 'show', id, '--json', '--repository', repository]);
  return (JSON.parse(shown.stdout) as { item: { degraded_reasons: string[] } }).item.degraded_reasons;
}

/** A killed pg_dumpall costs the roles, never the data: that backup is kept, and says what it lacks. */
const isWithoutRoles = (status: string, reasons: readonly string[]): boolean =>
  status === 'degraded' && reasons.length === 1 && reasons[0]?.startsWith('the roles could not be dumped: ') === true;

/** What a dead create left is gone once the next one has run. */
async function checkSwept(sample: SampleApplication, potctl: Potctl): Promise<string[]> {
  const names = fs.readdirSync(sample.repository, { recursive: true }).map(String);
  const partial = names.filter((name) => name.includes('.partial')).map((name) => `'${name}' was not swept`);
  return [...partial, ...(await checkListed(sample, potctl))];
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-4).join(' | ');
