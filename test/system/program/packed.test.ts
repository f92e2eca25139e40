import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** A network namespace has only its own network, which is down. If none can be created, an empty cache and --offline must do. */
const ISOLATED = [['unshare', '-n'], ['unshare', '-rn'], []].find(([program, ...flags]) => {
  try {
    if (program !== undefined) execFileSync(program, [...flags, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})!;

let [folder, tarball, site] = ['', '', ''];
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'potctl-packed-'));
  site = path.join(folder, 'site');
  mkdirSync(path.join(site, 'storage'), { recursive: true });
  writeFileSync(path.join(site, 'storage', 'model.stl'), 'solid');
  await run(['npm', 'pack', '--pack-destination', folder, ROOT]);
  tarball = path.join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz'))!);
  await run(['npm', 'install', '--offline', '--no-audit', '--no-fund', tarball]);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program without a network and with an empty npm cache. Rejects if it fails. */
function run(line: readonly string[]): Promise<Ran> {
  const [program = '', ...args] = [...ISOLATED, ...line];
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    npm_config_cache: path.join(folder, 'cache'),
    TZ: 'UTC',
  };
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd: site, env, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${line.join(' ')}\n${stderr}`, { cause: error }));
      else resolve({ exitCode: 0, stdout, stderr });
    });
  });
}

const potctl = (...args: string[]): Promise<Ran> => run([path.join(site, 'node_modules/.bin/potctl'), ...args]);
const installed = (...names: string[]): string => path.join(site, 'node_modules/potctl', ...names);

describe('the packed program, on a machine without a network', () => {
  test('contains everything it needs: it has no dependencies', () => {
    const {
      dependencies = {},
      optionalDependencies = {},
      peerDependencies = {},
    } = JSON.parse(readFileSync(installed('package.json'), 'utf8'));
    expect({ ...dependencies, ...optionalDependencies, ...peerDependencies }).toEqual({});
    expect(readdirSync(path.join(site, 'node_modules')).sort()).toEqual(['.bin', '.package-lock.json', 'potctl']);
  });

  test('is small: the program, its templates and the runbook, without tests and sources', () => {
    expect(statSync(tarball).size).toBeLessThan(2 * 1024 * 1024);
    expect(readdirSync(installed()).sort()).toEqual(
      ['LICENSE', 'README.md', 'bin', 'dist', 'package.json', 'runbook', 'templates'].sort(),
    );
  });

  test('loads every part', async () => {
    const script = `for (const file of process.argv.slice(1)) await import(file)`;
    const files = readdirSync(installed('dist')).map((name) => installed('dist', name));
    expect(files.length).toBeGreaterThan(50);
    expect(await run(['node', '--input-type=module', '-e', script, ...files])).toMatchObject({
      stdout: '',
      stderr: '',
    });
  });

  test('is a library with a single entry point', async () => {
    const script = `console.log(typeof await import('potctl'));
      await import('potctl/dist/main.js').catch(({ code }) => console.log(code))`;
    const { stdout } = await run(['node', '--input-type=module', '-e', script]);
    expect(stdout).toBe('object\nERR_PACKAGE_PATH_NOT_EXPORTED\n');
  });

  test('prints its version and its help', async () => {
    const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
    expect((await potctl('--version')).stdout).toBe(`potctl ${version}\n`);
    expect((await potctl('--help')).stdout).toContain('backup create');
    expect((await potctl('backup', 'create', '--help')).stdout).toContain('--repository');
  });

  test('finds its templates', async () => {
    const { stdout } = await potctl('config', 'init', '-p', 'prod', '--database', 'app', '--dry-run');
    expect(stdout).toContain('profiles:');
    expect(readdirSync(installed('templates', 'sql'))).toContain('potctl-1.sql');
  });

  test('backs up files, lists the backup, and restores them', async () => {
    const repository = ['--repository', './backups'];
    await potctl('backup', 'create', '--only', 'files', '--files', './storage', ...repository);
    const { items } = JSON.parse((await potctl('backup', 'list', ...repository, '--json')).stdout);
    expect(items).toMatchObject([{ status: 'complete', parts: { db: null, files: { files: 1 } } }]);
    await potctl('restore', 'files', 'latest', '--path', 'model.stl', '--to', './found', ...repository);
    expect(readFileSync(path.join(site, 'found', 'model.stl'), 'utf8')).toBe('solid');
  });
});
