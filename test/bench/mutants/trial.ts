import { cp, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { timed } from '../measure.js';
import { applyMutant, type Mutant } from './mutant.js';

/** What became of one mutant. */
export interface Verdict {
  readonly outcome: 'killed' | 'survived' | 'did not build' | 'invalid';
  /** The first test that failed, or why the mutant says nothing about the tests. */
  readonly detail: string;
}

/** A copy of the project in which faults are planted. */
export interface Trial {
  /** Plants the fault, runs the tests that should notice, and takes it out again. */
  run(mutant: Mutant): Promise<Verdict>;
  /** Runs tests without a fault; returns the files that fail all the same. */
  control(tests: readonly string[]): Promise<ReadonlySet<string>>;
  close(): Promise<void>;
}

const LEFT_OUT = ['.git', '.cache', 'node_modules', 'dist'];

/** Copies the project at `root`; its packages are shared. */
export async function openTrial(root: string): Promise<Trial> {
  const folder = await realpath(await mkdtemp(path.join(os.tmpdir(), 'potctl-mutants-')));
  for (const name of await readdir(root)) {
    if (!LEFT_OUT.includes(name)) await cp(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  await symlink(await realpath(path.join(root, 'node_modules')), path.join(folder, 'node_modules'));
  return {
    async run(mutant) {
      const file = path.join(folder, mutant.file);
      const intact = await readFile(file, 'utf8');
      await writeFile(file, applyMutant(mutant, intact));
      try {
        return await judge(folder, mutant.tests);
      } finally {
        await writeFile(file, intact);
      }
    },
    async control(tests) {
      const built = await build(folder);
      if (built.exitCode !== 0) throw new Error(`the project does not build without a fault:\n${built.stderr}`);
      const { files } = await runTests(folder, tests, []);
      return new Set(tests.filter((test) => files?.get(test)?.passed !== true));
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

async function judge(folder: string, tests: readonly string[]): Promise<Verdict> {
  const built = await build(folder);
  if (built.exitCode !== 0) return { outcome: 'did not build', detail: firstLine(built.stderr) };
  const crash = await importError(folder);
  if (crash !== null) return { outcome: 'invalid', detail: `it crashes when it is loaded: ${crash}` };
  const { exitCode, files, stderr } = await runTests(folder, tests, ['--bail', '1']);
  if (files === null) return { outcome: 'invalid', detail: `the tests did not start: ${firstLine(stderr)}` };
  if (exitCode === 0) return { outcome: 'survived', detail: '' };
  const failed = [...files].find(([, { passed }]) => !passed);
  return { outcome: 'killed', detail: failed ? `${failed[0]}: ${failed[1].failedTest}` : firstLine(stderr) };
}

const build = (folder: string) => timed(process.execPath, ['.ci/build.mjs'], { cwd: folder });

/** Loads everything that was built; a fault that already breaks this would be noticed by any test at all. */
async function importError(folder: string): Promise<string | null> {
  const dist = path.join(folder, 'dist');
  const chunks = (await readdir(dist)).filter((name) => name.endsWith('.js')).map((name) => path.join(dist, name));
  const code = chunks.map((chunk) => `await import(${JSON.stringify(pathToFileURL(chunk).href)});`).join('\n');
  const { exitCode, stderr } = await timed(process.execPath, ['--input-type=module', '-e', code], { cwd: folder });
  if (exitCode === 0) return null;
  return stderr.split('\n').find((line) => /^\w*Error/.test(line)) ?? firstLine(stderr);
}

interface TestRun {
  readonly exitCode: number | null;
  readonly stderr: string;
  /** By file, from the root of the project; null where vitest did not come as far as running them. */
  readonly files: ReadonlyMap<string, { readonly passed: boolean; readonly failedTest: string }> | null;
}

/** @see https://vitest.dev/guide/reporters#json-reporter */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly title: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

async function runTests(folder: string, tests: readonly string[], options: readonly string[]): Promise<TestRun> {
  const report = path.join(folder, 'report.json');
  await rm(report, { force: true });
  const vitest = path.join('node_modules', 'vitest', 'vitest.mjs');
  const args = [vitest, 'run', '--reporter=json', `--outputFile=${report}`, ...options, ...tests];
  const env = { ...process.env, POTCTL_TEST_BUILT: '1', CI: 'true', NO_COLOR: '1' };
  const { exitCode, stderr } = await timed(process.execPath, args, { cwd: folder, env });
  const told = await readFile(report, 'utf8').catch(() => null);
  if (told === null) return { exitCode, stderr, files: null };
  const { testResults }: Report = JSON.parse(told);
  const files = testResults.map(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.find((one) => one.status === 'failed');
    // Slow tests fail without a fault, too, so a kill of this kind proves less.
    const late = failed?.failureMessages.some((text) => text.includes('timed out in')) ? ' (timed out)' : '';
    const failedTest = failed === undefined ? firstLine(message) : `${failed.title}${late}`;
    return [path.relative(folder, name), { passed: status === 'passed', failedTest }] as const;
  });
  return { exitCode, stderr, files: new Map(files) };
}

const firstLine = (text: string): string => text.trim().split('\n', 1)[0] ?? '';
