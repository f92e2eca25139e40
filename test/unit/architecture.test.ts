import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

interface Edge {
  readonly from: string;
  /** A file of the project, or the name of a package. */
  readonly to: string;
  readonly isPackage: boolean;
  /** Only types: gone after compilation. */
  readonly typeOnly: boolean;
  /** Loaded when the line is reached, by `import()`. */
  readonly lazy: boolean;
}

const files = ['src', 'commands', 'bin'].flatMap(sources);
const texts = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));
const edges = files.flatMap((file) => edgesOf(file, texts.get(file) ?? ''));
const values = edges.filter(({ typeOnly }) => !typeOnly);
const inside = values.filter(({ isPackage }) => !isPackage);

const DOMAINS = ['backup', 'restore', 'mfa', 'audit', 'setup', 'grants', 'doctor', 'demo'];

/** From the bottom up: a file imports only from its own folder and from lower ones, values and types alike. */
const LAYERS = [
  ...['kernel', 'config', 'notify', 'postgres', 'applications', 'storage', 'repository', 'journal', 'catalog'],
  ...['archive', 'dump', 'runs', 'host'],
];

/** The only clock, and the ages of files that a dead process left. */
const READS_TIME = ['src/kernel/clock.ts', 'src/postgres/passfile.ts'];

/** A command: `commands/backup/create.ts`. */
const COMMAND = /^commands\/(?!cli\/|ui\/)[^/]+\/[^/]+\.ts$/;

/** Which file imports each package. */
const HOMES: Readonly<Record<string, RegExp>> = {
  pg: /^src\/postgres\//,
  'pg-copy-streams': /^src\/postgres\//,
  otplib: /^src\/mfa\/totp\.ts$/,
  bcryptjs: /^src\/mfa\/backup-codes\.ts$/,
  'qrcode-terminal': /^commands\/ui\/qr\.ts$/,
  pngjs: /^commands\/ui\/qr\.ts$/,
  execa: /^src\/kernel\/child\.ts$/,
  zod: /^src\/(config\/|catalog\/manifest\.ts)/,
  yaml: /^src\/config\//,
  picomatch: /^src\/archive\//,
  nodemailer: /^src\/notify\//,
  commander: /^commands\/cli\/parse\//,
  chalk: /^commands\/ui\//,
  'cli-table3': /^commands\/ui\/table\.ts$/,
  'fast-string-width': /^commands\/ui\/visible\.ts$/,
  '@inquirer/prompts': /^commands\/ui\//,
};

test('the engine knows nothing of the terminal face', () => {
  expect(edges.filter(({ from, to }) => from.startsWith('src/') && /^(commands|bin)\//.test(to))).toEqual([]);
});

test('nothing in the engine imports upwards, neither values nor types, and no domain imports another', () => {
  const engine = edges.filter(({ from, to }) => from.startsWith('src/') && to.startsWith('src/'));

  expect(engine.length).toBeGreaterThan(1000);
  expect(engine.filter(({ from, to }) => areaOf(from) !== areaOf(to) && levelOf(to) >= levelOf(from))).toEqual([]);
});

test('no circle of imports, neither of values nor of types', () => {
  expect(circlesOf(edges.filter(({ isPackage }) => !isPackage))).toEqual([]);
});

test('a command opens neither a server nor a repository by itself', () => {
  const opening = inside.filter(({ from, to }) => COMMAND.test(from) && isIn(to, ['postgres', 'repository']));
  expect(opening.filter(({ from }) => from !== 'commands/top/version.ts')).toEqual([]);
});

test('each package has one home', () => {
  const packages = edges.filter(({ isPackage, to }) => isPackage && !to.startsWith('node:'));

  expect(packages.length).toBeGreaterThan(3);
  expect(packages.filter(({ from, to }) => !HOMES[to]?.test(from))).toEqual([]);
});

test('help and version load nothing heavy: the engine and the drawing packages come when they are needed', () => {
  const face = values.filter(({ from, lazy }) => from.startsWith('commands/') && !lazy);
  const heavy = face.filter(
    ({ to }) =>
      /^src\/(?!kernel\/|host\/)[^/]+\//.test(to) || ['chalk', 'cli-table3', '@inquirer/prompts'].includes(to),
  );
  expect(heavy).toEqual([]);
  expect(values.filter(({ to, lazy }) => to === 'pg' && !lazy)).toEqual([]);
});

test('what a command draws goes through its view', () => {
  const drawing = /^commands\/ui\/(paint|prompts|progress|spinner|diagnostics|screen)\.ts$/;
  expect(inside.filter(({ from, to }) => COMMAND.test(from) && drawing.test(to))).toEqual([]);
});

test('the engine reads neither the process nor the clock, and prints nothing', () => {
  const forbidden =
    /\bconsole\.|\bprocess\.(env|argv|stdin|stdout|stderr|exit|exitCode|cwd)\b|\bnew Date\(\)|\bDate\.now\(\)|\btmpdir\(/;
  const guilty = [...texts].filter(([file, text]) => file.startsWith('src/') && forbidden.test(withoutComments(text)));
  expect(guilty.map(([file]) => file).filter((file) => !READS_TIME.includes(file))).toEqual([]);
});

test('nothing ends the process by itself', () => {
  const guilty = [...texts].filter(([, text]) => /\bprocess\.exit\(/.test(withoutComments(text)));
  expect(guilty.map(([file]) => file)).toEqual([]);
});

test('files stay under 400 lines, and no folder or file is a drawer for anything', () => {
  expect([...texts].filter(([, text]) => text.split('\n').length > 401).map(([file]) => file)).toEqual([]);
  expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|lib|misc)(\/|\.)/.test(file))).toEqual([]);
});

test('a circle would be found', () => {
  const edge = (from: string, to: string): Edge => ({ from, to, isPackage: false, typeOnly: true, lazy: false });
  expect(circlesOf([edge('a', 'b'), edge('b', 'c'), edge('c', 'b')])).toEqual(['b', 'c']);
});

test('a forbidden import would be found', () => {
  const planted = `import { Client } from 'pg';\nimport type { Server } from '../postgres/server.js';\nconst x = await import('../restore/run.js');`;
  expect(edgesOf('src/backup/planted.ts', planted)).toEqual([
    { from: 'src/backup/planted.ts', to: 'pg', isPackage: true, typeOnly: false, lazy: false },
    { from: 'src/backup/planted.ts', to: 'src/postgres/server.ts', isPackage: false, typeOnly: true, lazy: false },
    { from: 'src/backup/planted.ts', to: 'src/restore/run.ts', isPackage: false, typeOnly: false, lazy: true },
  ]);
});

function sources(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return entries.filter((name) => /\.(ts|js)$/.test(name)).map((name) => path.join(folder, name));
}

function edgesOf(from: string, text: string): Edge[] {
  const statements = text.matchAll(/^(?:import|export)\s+(type\s+)?([^'";]*?)from\s+'([^']+)'|\bimport\('([^']+)'\)/gm);
  return [...statements].map(([, type, names = '', fixed, dynamic]) => {
    const target = fixed ?? dynamic ?? '';
    const isPackage = !target.startsWith('.');
    return {
      from,
      to: isPackage ? packageOf(target) : fileOf(from, target),
      isPackage,
      typeOnly: isTypeOnly(type, names),
      lazy: dynamic !== undefined,
    };
  });
}

/** `import type { A }`, or `import { type A, type B }`. */
function isTypeOnly(type: string | undefined, names: string): boolean {
  const listed =
    /^\{([\s\S]*)\}\s*$/
      .exec(names.trim())?.[1]
      ?.split(',')
      .map((name) => name.trim())
      .filter(Boolean) ?? [];
  return type !== undefined || (listed.length > 0 && listed.every((name) => name.startsWith('type ')));
}

function packageOf(target: string): string {
  return target.startsWith('@')
    ? target.split('/').slice(0, 2).join('/')
    : target.startsWith('node:')
      ? target
      : (target.split('/')[0] ?? '');
}

function fileOf(from: string, target: string): string {
  return path.join(path.dirname(from), target).replace(/\.js$/, '.ts');
}

const areaOf = (file: string): string => file.split('/')[1] ?? '';

/** Of a file of the engine; what stands at the top knows everything below. */
function levelOf(file: string): number {
  const area = areaOf(file);
  if (area === 'index.ts') return LAYERS.length + 2;
  if (area.endsWith('.ts')) return LAYERS.length + 1;
  if (DOMAINS.includes(area)) return LAYERS.length;
  expect(LAYERS, file).toContain(area);
  return LAYERS.indexOf(area);
}

/** Files that import each other, by whatever way round. */
function circlesOf(graph: readonly Edge[]): string[] {
  const next = new Map<string, string[]>();
  for (const { from, to } of graph) next.set(from, [...(next.get(from) ?? []), to]);
  return [...next.keys()].filter((file) => reaches(next, file));
}

/** Does a file reach itself? */
function reaches(next: ReadonlyMap<string, readonly string[]>, file: string): boolean {
  const seen = new Set<string>();
  const waiting = [...(next.get(file) ?? [])];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (at === file) return true;
    if (seen.has(at)) continue;
    seen.add(at);
    waiting.push(...(next.get(at) ?? []));
  }
  return false;
}

const isIn = (file: string, areas: readonly string[]): boolean =>
  file.startsWith('src/') && areas.includes(areaOf(file));

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}
