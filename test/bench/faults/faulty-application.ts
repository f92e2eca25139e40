import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { memoryFolder, removeFolder } from '../../support/file-tree.js';
import { createSampleApplication, DATABASE, type SampleApplication } from '../kill/sample-application.js';
import { succeeded, type Timed, timed, timedShell } from '../measure.js';
import { backupsIn, fingerprint } from './backups.js';
import { errnoOf, type Inventory, type Operation, type Point } from './points.js';
import { buildShim, type Shim } from './shim.js';
import { type Tools, wrapTools } from './tools.js';

/** No command of a tiny database may take longer, whatever went wrong, and however busy the machine is. */
const LIMIT_MS = 300_000;
/** How many backups there are before a prune, and how many it keeps. */
const SEVERAL = 4;
export const KEPT = 2;
const SIZE = { tables: 3, rows: 50, files: 4, bytes: 2_000_000 };

/** A sample application whose tools and file-system calls can be made to fail. */
export interface FaultyApplication {
  readonly sample: SampleApplication;
  /** Why file-system calls cannot be made to fail here; null = they can. */
  readonly noCalls: string | null;
  prepare(operation: Operation): Promise<void>;
  /** The backups that there were then: see {@link backupsIn}. */
  before(): ReadonlyMap<string, string>;
  /** Is everything a run could find exactly as it was then? */
  isUntouched(): Promise<boolean>;
  /** Runs it without a fault, and counts. */
  observe(operation: Operation): Promise<Inventory>;
  /** Runs it with the fault; `struck`: did that moment come? */
  strike(point: Point): Promise<Timed & { readonly struck: boolean }>;
  perform(operation: Operation): Promise<Timed>;
  run(args: readonly string[]): Promise<Timed>;
  destroy(): Promise<void>;
}

interface Means {
  readonly sample: SampleApplication;
  readonly tools: Tools;
  readonly shim: Shim | string;
  readonly folder: string;
  run(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Timed>;
}

export async function createFaultyApplication(binary: string): Promise<FaultyApplication> {
  const folder = memoryFolder();
  let means: Means | undefined;
  const sample = await createSampleApplication(async (fresh) => {
    const tools = wrapTools(path.join(folder, 'tools'), fresh.environment['PATH'] ?? '');
    tools.set(null, {});
    const shim = buildShim(path.resolve('test/bench/faults/shim.c'), folder);
    means = { sample: fresh, tools, shim, folder, run: runnerOf(fresh, tools, binary) };
    await backUp(means);
  }, SIZE);
  return faultyApplication({ ...means!, sample });
}

/** What another program has left: a dump and an archive. */
async function plantSource({ folder, tree, environment }: SampleApplication): Promise<void> {
  const source = path.join(folder, 'source');
  mkdirSync(source);
  const commands = `pg_dump -Fc -f '${source}/app.dump' ${DATABASE} && tar -C '${tree}' -czf '${source}/storage.tar.gz' .`;
  await timedShell(commands, environment);
}

/** One backup for most operations, several beside for the prune. */
async function backUp({ sample, folder, run }: Means): Promise<void> {
  const one = path.join(folder, 'one');
  for (let made = 0; made < SEVERAL; made += 1) {
    succeeded(await run(argsOf(sample, 'create')), 'backup create');
    if (made === 0) cpSync(sample.repository, one, { recursive: true, preserveTimestamps: true });
  }
  await plantSource(sample);
  renameSync(sample.repository, path.join(folder, 'several'));
  renameSync(one, sample.repository);
}

function runnerOf(sample: SampleApplication, tools: Tools, binary: string): Means['run'] {
  const own = {
    PATH: `${tools.folder}:${sample.environment['PATH']}`,
    POTCTL_PG_BINDIR: tools.folder,
    TMPDIR: path.join(sample.folder, 'tmp'),
    XDG_RUNTIME_DIR: path.join(sample.folder, 'run'),
  };
  for (const made of [own.TMPDIR, own.XDG_RUNTIME_DIR]) mkdirSync(made, { recursive: true, mode: 0o700 });
  return (args, environment = {}) =>
    timed(process.execPath, [binary, ...args], {
      env: { ...sample.environment, ...own, ...environment },
      cwd: sample.folder,
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
}

function faultyApplication(means: Means): FaultyApplication {
  const { sample, tools, shim, folder, run } = means;
  const perform = (operation: Operation): Promise<Timed> => {
    tools.set(null, {});
    return run(argsOf(sample, operation));
  };
  let before: ReadonlyMap<string, string> = new Map();
  let untouched = '';
  return {
    sample,
    before: () => before,
    isUntouched: async () => (await stateOf(sample)) === untouched,
    noCalls: typeof shim === 'string' ? shim : null,
    perform,
    run,
    async prepare(operation) {
      await sample.reset();
      removeFolder(path.join(sample.folder, 'tmp'));
      mkdirSync(path.join(sample.folder, 'tmp'), { mode: 0o700 });
      if (operation === 'prune') putSeveral(means);
      if (operation === 'undo') succeeded(await perform('restore'), 'restore run before the undo');
      before = backupsIn(sample.repository);
      untouched = await stateOf(sample);
    },
    observe: (operation) => observe(means, operation),
    strike: (point) => strike(means, point),
    async destroy() {
      await sample.destroy();
      removeFolder(folder);
    },
  };
}

/** Repository, what lies beside it, the tree, and the databases. */
async function stateOf({ server, repository, folder, tree, trees }: SampleApplication): Promise<string> {
  const folders = [repository, ...['tmp', 'run', 'state'].map((name) => path.join(folder, name))];
  const databases = await server.query<{ name: string }>('select datname::text as name from pg_database order by 1');
  const live = [...trees()].map(String);
  return JSON.stringify([folders.map((one) => fingerprint(one, '')), databases, live, readdirSync(tree).sort()]);
}

function putSeveral({ sample, folder }: Means): void {
  removeFolder(sample.repository);
  cpSync(path.join(folder, 'several'), sample.repository, { recursive: true, preserveTimestamps: true });
}

async function observe(means: Means, operation: Operation): Promise<Inventory> {
  const { sample, tools, folder, run } = means;
  const log = path.join(folder, 'calls');
  rmSync(log, { force: true });
  const environment = preload(means, { FAULTS_LOG: log });
  tools.set(null, environment);
  succeeded(await run([...argsOf(sample, operation)], environment), `${operation}, counted`);
  const calls = new Map<string, number>();
  const lines = environment['LD_PRELOAD'] === undefined ? [] : readFileSync(log, 'latin1').trimEnd().split('\n');
  for (const line of lines) calls.set(line, (calls.get(line) ?? 0) + 1);
  return { starts: tools.starts(), calls };
}

async function strike(means: Means, point: Point): Promise<Timed & { readonly struck: boolean }> {
  const { sample, tools, folder, run } = means;
  const args = [...argsOf(sample, point.operation), '--json'];
  if (point.kind === 'tool') {
    tools.set(point, {});
    const ran = await run(args);
    return { ...ran, struck: tools.struck() };
  }
  const count = path.join(folder, 'count');
  rmSync(count, { force: true });
  const environment = preload(means, {
    FAULTS_POINT: point.line,
    FAULTS_NTH: String(point.nth),
    FAULTS_ERRNO: String(errnoOf(point.how)),
    FAULTS_COUNT: count,
  });
  tools.set(null, environment);
  const ran = await run(args, environment);
  return { ...ran, struck: countOf(count) >= point.nth };
}

function preload({ shim, sample }: Means, more: Readonly<Record<string, string>>): Record<string, string> {
  return typeof shim === 'string' ? {} : { LD_PRELOAD: shim.library, FAULTS_FOLDER: sample.folder, ...more };
}

function countOf(file: string): number {
  try {
    return readFileSync(file).length;
  } catch {
    return 0;
  }
}

function argsOf({ tree, repository, folder }: SampleApplication, operation: Operation): string[] {
  const where = ['--files', tree, '--repository', repository];
  if (operation === 'create') return ['backup', 'create', ...where];
  if (operation === 'import') {
    const source = path.join(folder, 'source');
    const archive = ['--tree', path.join(source, 'storage.tar.gz'), '--repository', repository];
    return ['backup', 'import', path.join(source, 'app.dump'), '--database-name', DATABASE, ...archive, '--yes'];
  }
  if (operation === 'prune') return ['backup', 'prune', '--keep-last', String(KEPT), '--yes', ...where];
  if (operation === 'restore') return ['restore', 'run', 'latest', ...where, '--confirm', DATABASE];
  return ['restore', 'undo', ...where, '--confirm', DATABASE];
}
