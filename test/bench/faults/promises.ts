import fs from 'node:fs';
import path from 'node:path';
import { readCatalog } from '../../../src/catalog/catalog.js';
import { systemClock } from '../../../src/kernel/clock.js';
import { readHostIdentity } from '../../../src/kernel/host-identity.js';
import { openRepository } from '../../../src/repository/open.js';
import { processesLeft } from '../../support/leftovers.js';
import { DATABASE, type Letter } from '../kill/sample-application.js';
import type { Timed } from '../measure.js';
import { backupsIn } from './backups.js';
import { type FaultyApplication, KEPT } from './faulty-application.js';
import type { Operation, Point } from './points.js';

/** The exit codes that a failing part of the machine may end with; 1 is a bug of ours. */
const CLASSES = [3, 11, 12, 15, 16, 17, 20, 30];

const NAMED =
  /E_TOOL_FAILED|E(NOSPC|IO|ACCES)\b|no space|denied|input\/output|wrote only|short|cut|truncated|corrupt|differ|cannot be/i;

/** What must hold right after the fault. @returns what does not, in words */
export async function checkAfterFault(faulty: FaultyApplication, point: Point, ran: Timed): Promise<string[]> {
  const { operation } = point;
  const { databases, trees, broken } = await lookAtLive(faulty);
  const pair: [Letter, Letter] = [databases.get(DATABASE) ?? '-', trees.get('live') ?? '-'];
  if (pair[0] !== pair[1]) broken.push(`the database is ${pair[0]}, the tree is ${pair[1]}`);
  broken.push(...(ran.exitCode === 0 ? checkSuccess(operation, pair[0]) : checkError(point, ran, pair[0])));
  const restorable = operation === 'create' && ran.exitCode === 0;
  broken.push(...(await checkListed(faulty, operation, restorable)));
  if (restorable) broken.push(...(await checkRestorable(faulty)));
  // What could not be removed is still there: the next run sweeps it. So it does with what the error names.
  const left = cannotRemove(point) ? [] : leftBehind(faulty).filter((name) => !isTold(name, ran));
  broken.push(...left.map((name) => `left behind: ${name}`));
  broken.push(...(await processesLeft(faulty.sample.repository, 3_000)).map((line) => `still runs: ${line}`));
  return broken;
}

function isTold(name: string, { stdout, stderr }: Timed): boolean {
  const tombstone = /[^/]+\.tombstone/.exec(name)?.[0];
  return tombstone !== undefined && `${stdout}${stderr}`.includes(tombstone);
}

function cannotRemove(point: Point): boolean {
  if (point.kind === 'tool') return false;
  const [, call = '', name = ''] = point.line.split('\t');
  // Node looks before it removes; a lock is renamed first.
  const looked =
    ['stat', 'rename', 'readdir', 'open', 'fstat', 'read', 'close'].includes(call) &&
    /potctl\.lock|\.partial|tombstone|scratch|\.tmp$|potctl-[a-z]+-/.test(name);
  return looked || call === 'unlink' || call === 'rmdir';
}

/** What must hold after a run without a fault. */
export async function checkConverged(faulty: FaultyApplication, operation: Operation): Promise<string[]> {
  const again = await faulty.perform(operation);
  const { databases, trees, broken } = await lookAtLive(faulty);
  if (again.exitCode !== 0) broken.push(`the same command ended with ${again.exitCode}: ${lastLines(again.stderr)}`);
  const [database, tree] = [databases.get(DATABASE), trees.get('live')];
  if (database !== tree) broken.push(`in the end the database is ${database}, the tree is ${tree}`);
  // An undo that had succeeded all the same is taken back by the next one.
  const wanted = operation === 'restore' ? ['new'] : operation === 'undo' ? ['old', 'new'] : ['old'];
  if (!wanted.includes(database ?? '-')) broken.push(`in the end ${operation} left ${database}`);
  const list = await listed(faulty);
  if (operation === 'prune' && list.ids.length !== KEPT) broken.push(`in the end there are ${list.ids.length} backups`);
  broken.push(...list.broken, ...leftBehind(faulty).map((name) => `never swept: ${name}`));
  return broken;
}

async function lookAtLive({ sample }: FaultyApplication) {
  const [databases, trees] = [await sample.databases(), sample.trees()];
  const broken = [...databases, ...trees]
    // What was live for a moment is kept by itself: writers may have changed it.
    .filter(([name, letter]) => (letter === 'mixed' || letter === '-') && !name.endsWith('-late'))
    .map(([name, letter]) => `'${name}' is ${letter}`);
  return { databases, trees, broken };
}

function checkSuccess(operation: Operation, live: Letter): string[] {
  const wanted = operation === 'restore' ? 'new' : 'old';
  return live === wanted ? [] : [`it succeeded and left ${live}`];
}

/** The exit code's class, and an error that says what failed and what was changed. */
function checkError(point: Point, { exitCode, stderr }: Timed, live: Letter): string[] {
  const error = errorOf(stderr);
  // 10: the backup that could not be read was passed over, and there is no other.
  const fits = CLASSES.includes(exitCode ?? -1) || (exitCode === 10 && JSON.stringify(error).includes('skipped'));
  const broken = fits ? [] : [`it ended with ${exitCode}`];
  // What could not be checked, or not be counted, is said, and the backup is there.
  if (error === null && exitCode === 3) return broken;
  if (error === null) return [...broken, `no error was told: ${lastLines(stderr)}`];
  const { changed, fix } = error;
  const told = JSON.stringify(error);
  // A tool that says it did what it did not shows by what is missing then. All PostgreSQL tools of a run come from one folder.
  if (point.kind === 'tool' && point.how !== 'half' && !told.includes(point.tool.slice(0, 3)))
    broken.push('the tool is not named');
  if (point.kind === 'call' && !NAMED.test(told)) broken.push('the error does not say what went wrong');
  if (fix.length === 0) broken.push('the error says nothing to do');
  const before: Letter = point.operation === 'undo' ? 'new' : 'old';
  if (changed === 'nothing' && live !== before) broken.push(`"changed: nothing" is not true: ${live} is live`);
  return broken.map((text) => `${text} [${told.slice(0, 700)}]`);
}

interface ToldError {
  readonly code: string;
  readonly changed: string;
  readonly fix: readonly string[];
}

function errorOf(stderr: string): ToldError | null {
  const objects = stderr.split('\n').filter((line) => line.startsWith('{'));
  for (const line of objects.reverse()) {
    const { error } = JSON.parse(line) as { error?: ToldError };
    if (error !== undefined) return error;
  }
  return null;
}

/** The old backup is always there, and nothing else is listed but whole ones. @returns their ids, and what does not hold */
async function listed({ sample }: FaultyApplication): Promise<{ readonly ids: string[]; readonly broken: string[] }> {
  const host = await readHostIdentity(process.pid);
  const reader = { clock: systemClock, host, operator: 'sweep@here' };
  const entries = await readCatalog(await openRepository({ name: 'faults', path: sample.repository }, reader));
  const broken = entries.flatMap((entry) => (entry.ok ? [] : [`${entry.id} is damaged: ${entry.problem}`]));
  return { ids: entries.map(({ id }) => id), broken: entries.length === 0 ? ['no backup is listed'] : broken };
}

/** What was there is as it was, and what came to the list is good to the last byte. */
async function checkListed(faulty: FaultyApplication, operation: Operation, restorable: boolean): Promise<string[]> {
  const { ids, broken } = await listed(faulty);
  if (operation === 'prune' && ids.length < KEPT) broken.push(`only ${ids.length} backups are left`);
  const [before, now] = [faulty.before(), backupsIn(faulty.sample.repository)];
  for (const id of ids.filter((id) => before.has(id))) {
    if (before.get(id) !== now.get(id)) broken.push(`the bytes of ${id} are not what they were`);
  }
  // A restore reads it to its last byte by itself.
  for (const id of restorable ? [] : ids.filter((id) => !before.has(id))) {
    const where = ['--repository', faulty.sample.repository];
    const verified = await faulty.run(['backup', 'verify', id, '--level', 'full', ...where]);
    if (verified.exitCode !== 0) broken.push(`the listed ${id} is not good: ${lastLines(verified.stderr)}`);
  }
  return broken;
}

/** A backup that says it is whole brings everything back: what is live is what it was made of. */
async function checkRestorable(faulty: FaultyApplication): Promise<string[]> {
  const restored = await faulty.perform('restore');
  if (restored.exitCode !== 0) return [`the new backup cannot be restored: ${lastLines(restored.stderr)}`];
  const { databases, trees, broken } = await lookAtLive(faulty);
  const found = [databases.get(DATABASE), trees.get('live')];
  return found.every((letter) => letter === 'old') ? broken : [...broken, `the new backup holds ${found.join(', ')}`];
}

/** Unfinished work, temporary files, locks: by their names, wherever potctl puts such. */
function leftBehind({ sample }: FaultyApplication): string[] {
  const { repository, tree, folder } = sample;
  const inRepository = namesBelow(repository).filter((name) =>
    /\.partial|\.tmp$|potctl\.lock|scratch|tombstone/.test(name),
  );
  const inTree = fs.readdirSync(tree).filter((name) => /^\.potctl-(restore-|created-|swap-.*\.tmp$)/.test(name));
  const temporary = ['tmp', 'run'].flatMap((name) =>
    namesBelow(path.join(folder, name)).map((file) => `${name}/${file}`),
  );
  return [...inRepository, ...inTree, ...temporary.filter((name) => name !== 'run/potctl')];
}

const namesBelow = (folder: string): string[] =>
  fs.existsSync(folder) ? fs.readdirSync(folder, { recursive: true }).map(String) : [];

const lastLines = (text: string): string => text.trim().split('\n').slice(-4).join(' | ');
