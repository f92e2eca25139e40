import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendants, sequence, succeeded, type Timed, timed } from '../measure.js';
import { createSite, DATABASE, type Letter, type Site } from './site.js';

export type Operation = 'create' | 'restore' | 'undo';
export type Victim = 'potctl' | 'tool' | 'server';

export interface Point {
  readonly operation: Operation;
  readonly victim: Victim;
  /** 0 = at the start of the operation, 1 = when it usually ends. */
  readonly moment: number;
}

export interface PointResult extends Point {
  /** `missed`: the operation, or the tool, had ended before the kill. */
  readonly outcome: 'killed' | 'missed';
  /** Broken promises, in words; empty when all hold. */
  readonly broken: readonly string[];
}

export const OPERATIONS: readonly Operation[] = ['create', 'restore', 'undo'];
const VICTIMS: readonly Victim[] = ['potctl', 'potctl', 'tool', 'server'];
const LIMIT_MS = 60_000;

/** The same points for the same seed: operations and victims in turn, moments spread evenly with a random offset. */
export function planPoints(count: number, seed: number, operations = OPERATIONS): Point[] {
  const random = sequence(seed);
  return Array.from({ length: count }, (_, n) => {
    const operation = operations[n % operations.length] ?? 'create';
    const turn = Math.floor(n / operations.length);
    const victim = VICTIMS[turn % VICTIMS.length] ?? 'potctl';
    // pg_dump and pg_restore live in the first part only; undo runs no tool at all.
    return {
      operation,
      victim: operation === 'undo' && victim === 'tool' ? 'potctl' : victim,
      moment: random.next().value,
    };
  });
}

/**
 * Kills potctl, its tool or the server at each point and looks what is left. After each kill: the live database and every kept one is
 * wholly old or wholly new; no partial backup is listed; the same command succeeds without a manual unlock; afterwards database and
 * tree agree, and what was kept is whole.
 */
export async function sweep(
  binary: string,
  points: readonly Point[],
  onPoint: (result: PointResult) => void,
): Promise<void> {
  const site = await createSite(
    async (fresh) => void succeeded(await potctl(binary, fresh, 'create'), 'backup create'),
  );
  try {
    const usualMs = new Map<Operation, number>();
    for (const operation of new Set(points.map((point) => point.operation)))
      usualMs.set(operation, await durationOf(binary, site, operation));
    for (const point of points) onPoint(await runPoint(binary, site, point, usualMs.get(point.operation) ?? 1_000));
  } finally {
    await site.destroy();
  }
}

function argsOf({ tree, repository }: Site, operation: Operation): string[] {
  const where = ['--files', tree, '--repository', repository];
  if (operation === 'create') return ['backup', 'create', ...where];
  if (operation === 'restore') return ['restore', 'run', 'latest', ...where, '--confirm', DATABASE];
  return ['restore', 'undo', ...where, '--confirm', DATABASE];
}

const potctl = (binary: string, site: Site, operation: Operation): Promise<Timed> =>
  run(binary, site, argsOf(site, operation));

const run = (binary: string, site: Site, args: readonly string[]): Promise<Timed> =>
  timed(process.execPath, [binary, ...args], {
    env: site.environment,
    cwd: site.folder,
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });

async function durationOf(binary: string, site: Site, operation: Operation): Promise<number> {
  await prepare(binary, site, operation);
  return succeeded(await potctl(binary, site, operation), operation).wallMs;
}

async function prepare(binary: string, site: Site, operation: Operation): Promise<void> {
  await site.reset();
  if (operation === 'undo') succeeded(await potctl(binary, site, 'restore'), 'restore run before the undo');
}

async function runPoint(binary: string, site: Site, point: Point, usualMs: number): Promise<PointResult> {
  const { operation } = point;
  await prepare(binary, site, operation);
  const child = spawn(process.execPath, [binary, ...argsOf(site, operation)], {
    env: site.environment,
    cwd: site.folder,
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  await Promise.race([ended, sleep(point.moment * usualMs)]);
  const hit = await strike(point.victim, child, site);
  const late = await Promise.race([ended.then(() => false), sleep(LIMIT_MS, true)]);
  child.kill('SIGKILL');
  await ended;
  if (point.victim === 'server') await site.server.start();
  const broken = late ? [`potctl did not end within ${LIMIT_MS / 1000} s of the kill`] : [];
  if (hit && point.victim !== 'potctl' && child.exitCode === 0 && operation === 'create') {
    broken.push(...(await falseSuccess(binary, site)));
  }
  broken.push(...(await promisesAfter(binary, site, operation)));
  return { ...point, outcome: hit ? 'killed' : 'missed', broken };
}

async function strike(victim: Victim, child: ChildProcess, { server }: Site): Promise<boolean> {
  const runs = child.exitCode === null && child.signalCode === null;
  if (victim === 'server') {
    await server.kill();
    return runs;
  }
  if (victim === 'potctl') return runs && child.kill('SIGKILL');
  for (let attempt = 0; attempt < 400 && child.exitCode === null; attempt += 1) {
    const tool = descendants(child.pid ?? 0, ['pg_dump', 'pg_restore', 'pg_dumpall', 'tar']).at(0);
    if (tool !== undefined && killed(tool)) return true;
    await sleep(5);
  }
  return false;
}

function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** A create whose tool or server was killed may only succeed with a backup that is good. */
async function falseSuccess(binary: string, site: Site): Promise<string[]> {
  const verified = await run(binary, site, [
    'backup',
    'verify',
    'latest',
    '--level',
    'full',
    '--repository',
    site.repository,
  ]);
  return verified.exitCode === 0 ? [] : ['create succeeded, but its backup is not good'];
}

async function promisesAfter(binary: string, site: Site, operation: Operation): Promise<string[]> {
  const broken = [...notWhole('database after the kill', await site.databases())];
  broken.push(...(await listedAreWhole(binary, site)));
  const again = await potctl(binary, site, operation);
  if (again.exitCode !== 0) broken.push(`the same command ended with ${again.exitCode}: ${lastLines(again.stderr)}`);
  const databases = await site.databases();
  const trees = site.trees();
  broken.push(...notWhole('database', databases), ...notWhole('tree', trees));
  broken.push(...agree(operation, databases.get(DATABASE), trees.get('live')));
  if (operation === 'create') broken.push(...(await leftovers(binary, site)));
  return broken;
}

function agree(operation: Operation, database: Letter = '-', tree: Letter = '-'): string[] {
  if (database !== tree) return [`the database is ${database}, the tree is ${tree}`];
  const wanted: readonly Letter[] =
    operation === 'create' ? ['old'] : operation === 'restore' ? ['new'] : ['old', 'new'];
  return wanted.includes(database) ? [] : [`${operation} left ${database}`];
}

const notWhole = (what: string, found: ReadonlyMap<string, Letter>): string[] =>
  [...found]
    .filter(([, letter]) => letter === 'mixed' || letter === '-')
    .map(([name, letter]) => `${what} '${name}' is ${letter}`);

async function listedAreWhole(binary: string, site: Site): Promise<string[]> {
  const list = await run(binary, site, ['backup', 'list', '--json', '--repository', site.repository]);
  if (list.exitCode !== 0) return [`backup list ended with ${list.exitCode}: ${lastLines(list.stderr)}`];
  const items = (JSON.parse(list.stdout) as { items: { id: string; status: string }[] }).items;
  const broken = items
    .filter(({ status }) => status !== 'complete')
    .map(({ id, status }) => `${id} is listed as ${status}`);
  if (items.length === 0) broken.push('no backup is listed');
  for (const { id } of items.slice(0, 1)) {
    const verified = await run(binary, site, [
      'backup',
      'verify',
      id,
      '--level',
      'quick',
      '--repository',
      site.repository,
    ]);
    if (verified.exitCode !== 0) broken.push(`${id} is listed, but verify ended with ${verified.exitCode}`);
  }
  return broken;
}

/** What a dead create left is gone once the next one has run. */
async function leftovers(binary: string, site: Site): Promise<string[]> {
  const partial = fs
    .readdirSync(site.repository, { recursive: true })
    .filter((name) => String(name).includes('.partial'));
  const whole = await listedAreWhole(binary, site);
  return [...partial.map((name) => `'${String(name)}' was not swept`), ...whole];
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-4).join(' | ');
