// For `npm test -- --changed [REF]`: prints the unit tests, and those of the system tests that what changed since REF (default: since the
// last commit) can touch, as filters for vitest. Imports do not show it: most system tests run the built program.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const EVERYTHING = ['test/system/', 'test/cli/', 'test/contract/', 'test/library/'];
/** Domains whose tests lie with another one's. */
const TESTED_WITH = { audit: 'setup', grants: 'setup' };

const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).split('\n').filter(Boolean);

/** For each folder of src, the folders it is made of, itself included. */
function foldersBehind() {
  const direct = new Map();
  const files = readdirSync('src', { recursive: true }).map((name) => path.join('src', name));
  for (const file of files.filter((name) => /^src\/.*\/.*\.ts$/.test(name))) {
    const used = direct.get(folderOf(file)) ?? new Set();
    direct.set(folderOf(file), used);
    for (const [, target] of readFileSync(file, 'utf8').matchAll(/(?:from |import\()'(\.[^']+)'/g))
      used.add(folderOf(path.join(path.dirname(file), target)));
  }
  const behind = (folder, seen = new Set()) => {
    if (seen.has(folder)) return seen;
    seen.add(folder);
    for (const used of direct.get(folder) ?? []) behind(used, seen);
    return seen;
  };
  return new Map([...direct.keys()].map((folder) => [folder, behind(folder)]));
}

const folderOf = (file) => file.split(path.sep)[1];
const testsOf = (domain) => `test/system/${TESTED_WITH[domain] ?? domain}/`;

function touchedBy(file, behind) {
  const [top, folder = '', ...rest] = file.split('/');
  if (top === 'src' && rest.length > 0) {
    const domains = [...behind].filter(([, used]) => used.has(folder)).map(([domain]) => testsOf(domain));
    return [...domains, 'test/system/program/', 'test/contract/', 'test/library/'];
  }
  if (top === 'commands' && existsSync(testsOf(folder))) return [testsOf(folder), 'test/system/program/', 'test/cli/'];
  // The unit tests always run; sweeps are no part of `npm test`.
  if (file.endsWith('.md') || /^test\/(unit|sweep)\//.test(file)) return [];
  if (top === 'test' && file.endsWith('.test.ts')) return [file];
  if (top === 'test' && folder === 'bench') return ['test/system/program/'];
  if (top === 'test' && folder === 'system') return [`test/system/${rest[0]}/`];
  if (top === 'test' && ['cli', 'contract', 'library'].includes(folder)) return [`test/${folder}/`];
  return EVERYTHING;
}

const [since] = git('merge-base', process.argv[2] ?? 'HEAD', 'HEAD');
const changed = [...git('diff', '--name-only', since), ...git('ls-files', '--others', '--exclude-standard')];
const behind = foldersBehind();
const touched = new Set(changed.flatMap((file) => touchedBy(file, behind)).filter((filter) => existsSync(filter)));
process.stdout.write(`${['test/unit/', ...touched].join('\n')}\n`);
