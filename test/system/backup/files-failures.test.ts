import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkArchive } from '../../../src/archive/check.js';
import { extractArchive } from '../../../src/archive/extract.js';
import { begin, type Place, pathWith, place, request, start } from '../../support/files.js';
import { whileReading } from './tree-writer.js';

const isRoot = process.getuid?.() === 0;
const MEGABYTE = 1 << 20;
const PATH = process.env['PATH'] ?? '';

const commandOf = (program: string): string =>
  execFileSync('sh', ['-c', 'command -v "$1" || echo false', 'sh', program], { encoding: 'utf8' }).trim();

/** Programs that are still there with their working directory or an open file below `folder`. */
function processesIn(folder: string): string[] {
  const opened = (pid: string): string[] => [
    `/proc/${pid}/cwd`,
    ...readdirSync(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`),
  ];
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return opened(pid).some((link) => readlinkSync(link).startsWith(folder));
    } catch {
      return false;
    }
  });
}

async function untilNone(folder: string): Promise<string[]> {
  for (let wait = 0; wait < 50 && processesIn(folder).length > 0; wait += 1) await setTimeout(20);
  return processesIn(folder);
}

/** Root reads everything, and Debian 13's Node refuses to become somebody else: it might use io_uring. */
const canBeNobody = ((): boolean => {
  if (!isRoot) return true;
  try {
    process.setegid?.(0);
    return true;
  } catch {
    return false;
  }
})();

/** Everything that root can read, somebody else cannot. */
function asNobody(at: Place): void {
  if (!isRoot) return;
  execFileSync('chown', ['-R', '65534:65534', at.tree, at.folder]);
  chmodSync(at.tree.replace('/tree', ''), 0o755);
  process.setegid?.(65_534);
  process.seteuid?.(65_534);
  onTestFinished(() => {
    process.seteuid?.(0);
    process.setegid?.(0);
  });
}

test.skipIf(!canBeNobody)('unreadable files are named, and the rest is backed up', async () => {
  const at = place();
  for (const folder of ['open', 'closed']) mkdirSync(`${at.tree}/${folder}`);
  for (const name of ['a', 'open/b', 'open/secret', 'closed/c', 'z']) writeFileSync(`${at.tree}/${name}`, name);
  asNobody(at);
  chmodSync(`${at.tree}/open/secret`, 0);
  chmodSync(`${at.tree}/closed`, 0);
  onTestFinished(() => chmodSync(`${at.tree}/closed`, 0o700));

  const part = await (await begin(at)).secondPass();

  expect(part).toMatchObject({ files: 3, incomplete_total: 2 });
  expect(part.incomplete).toEqual([
    { path: 'closed', reason: 'unreadable' },
    { path: 'open/secret', reason: 'unreadable' },
  ]);
  expect(await checkArchive(request(at, part))).toEqual([]);
});

test.skipIf(!canBeNobody)('an unreadable root is an error', async () => {
  const at = place();
  asNobody(at);
  chmodSync(at.tree, 0);
  onTestFinished(() => chmodSync(at.tree, 0o700));
  await expect(start(at)).rejects.toMatchObject({ code: 'E_FILES_DENIED' });
});

describe('an abort in the middle', () => {
  test.each([
    ['with zstd', () => PATH],
    ['without', (at: Place) => pathWith(at, 'tar', 'mkfifo')],
  ])('of a backup (%s) stops every program and leaves no temporary files', async (_, pathOf) => {
    const at = place();
    writeFileSync(`${at.tree}/large`, Buffer.alloc(30 * MEGABYTE, 'x'));
    const stop = new AbortController();
    const progress = whileReading(5 * MEGABYTE, () => stop.abort(new Error('Ctrl-C')));
    const backup = await start(at, { signal: stop.signal, progress, environment: { PATH: pathOf(at) } });

    await expect(backup.firstPass()).rejects.toThrow('Ctrl-C');
    await Promise.all([backup.abort(), backup.abort()]);

    expect(await untilNone(at.tree.replace('/tree', ''))).toEqual([]);
    expect(readdirSync(at.folder).filter((name) => name.includes('scratch'))).toEqual([]);
  });

  test('between the passes needs only abort', async () => {
    const at = place();
    writeFileSync(`${at.tree}/a`, 'x');
    const backup = await begin(at);
    await backup.abort();
    expect(await untilNone(at.folder)).toEqual([]);
    await backup.abort();
  });

  test('of an extraction stops tar', async () => {
    const at = place();
    writeFileSync(`${at.tree}/large`, Buffer.alloc(30 * MEGABYTE, 'x'));
    const part = await (await begin(at)).secondPass();
    const stop = new AbortController();
    const progress = whileReading(5 * MEGABYTE, () => stop.abort(new Error('Ctrl-C')));
    const extracting = extractArchive({ ...request(at, part), into: at.into, signal: stop.signal, progress });
    await expect(extracting).rejects.toThrow('Ctrl-C');
    expect(await untilNone(at.into)).toEqual([]);
  });
});

/** A disk of 3 MB; undefined where this user may not mount one. */
function smallDisk(at: Place): string | undefined {
  const disk = at.tree.replace('/tree', '/disk');
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', disk], { stdio: 'pipe' });
  } catch {
    return undefined;
  }
  onTestFinished(() => void execFileSync('umount', ['-l', disk]));
  return disk;
}

const NO_MOUNT = 'this user may not mount a small disk';

describe('a full disk', () => {
  const random = (at: Place, megabytes: number): void => {
    execFileSync('dd', ['if=/dev/urandom', `of=${at.tree}/random`, 'bs=1M', `count=${megabytes}`], { stdio: 'ignore' });
  };

  test.for<[string, (at: Place) => string]>([
    ['zstd', () => PATH],
    ['gzip', (at: Place) => pathWith(at, 'tar', 'mkfifo')],
  ])('under the archive (%s) is reported as such', async ([, pathOf], context) => {
    const at = place();
    const folder = smallDisk(at);
    if (folder === undefined) return context.skip(NO_MOUNT);
    random(at, 20);
    const backup = await start(at, { folder, environment: { PATH: pathOf(at) } });
    await expect(backup.firstPass()).rejects.toMatchObject({ code: 'E_NO_SPACE' });
    await backup.abort();
    expect(await untilNone(at.tree)).toEqual([]);
  });

  test('under the extracted files is reported as such', async (context) => {
    const at = place();
    const into = smallDisk(at);
    if (into === undefined) return context.skip(NO_MOUNT);
    random(at, 20);
    const part = await (await begin(at)).secondPass();
    await expect(extractArchive({ ...request(at, part), into })).rejects.toMatchObject({ code: 'E_NO_SPACE' });
  });

  test('under the temporary files is reported as such', async (context) => {
    const at = place();
    const folder = smallDisk(at);
    if (folder === undefined) return context.skip(NO_MOUNT);
    for (let n = 0; n < 2_000; n += 1) writeFileSync(`${at.tree}/${'n'.repeat(240)}${n}`, '');
    execFileSync('dd', ['if=/dev/zero', `of=${folder}/ballast`, 'bs=1k', 'count=2700'], { stdio: 'ignore' });
    const backup = await start(at, { folder });
    await expect(backup.firstPass()).rejects.toMatchObject({ code: 'E_NO_SPACE' });
  });
});

test('without tar, the error is clear', async () => {
  const at = place();
  writeFileSync(`${at.tree}/a`, 'x');
  const backup = await start(at, { environment: { PATH: pathWith(at, 'mkfifo') } });
  await expect(backup.firstPass()).rejects.toMatchObject({ code: 'E_TOOL_MISSING' });
});

test.skipIf(commandOf('zstd') === 'false')(
  'a compressor that writes half of its output and exits with 0 makes no backup',
  async () => {
    const at = place();
    writeFileSync(`${at.tree}/a`, randomBytes(MEGABYTE));
    const bin = pathWith(at, 'tar', 'mkfifo', 'perl', 'head');
    for (const program of ['zstd', 'pigz', 'gzip']) {
      const script = `#!/bin/sh\ncase $1 in --list) exec '${commandOf(program)}' "$@" ;; esac\n'${commandOf(program)}' "$@" | head -c 50000\n`;
      writeFileSync(`${bin}/${program}`, script, { mode: 0o755 });
    }
    const backup = await start(at, { environment: { PATH: bin } });

    const made = (async () => {
      await backup.firstPass();
      return backup.secondPass();
    })();

    await expect(made).rejects.toMatchObject({ code: 'E_TOOL_FAILED', message: expect.stringContaining('incomplete') });
  },
);

test.each([
  ['17 MB go through pipes of the kernel', 17, () => PATH],
  ['without mkfifo they go all the same', 17, (at: Place) => pathWith(at, 'tar', 'zstd')],
  ['a little takes the short way', 1, () => PATH],
])('%s', async (_, megabytes, pathOf) => {
  const at = place();
  const content = randomBytes(megabytes * MEGABYTE);
  writeFileSync(`${at.tree}/a`, content);
  const environment = { PATH: pathOf(at) };
  const part = await (await begin(at, { environment })).secondPass();
  expect(await checkArchive({ ...request(at, part), environment })).toEqual([]);
  await extractArchive({ ...request(at, part), environment, into: at.into });
  expect(readFileSync(`${at.into}/a`).equals(content)).toBe(true);
});

test('a repository inside the tree is refused even if it is excluded, because a restore would move it away', async () => {
  const at = place();
  const folder = `${at.tree}/backups/draft`;
  mkdirSync(folder, { recursive: true });
  await expect(start(at, { folder })).rejects.toMatchObject({ code: 'E_REFUSED' });
  await expect(start(at, { folder, excludes: ['backups/**'] })).rejects.toMatchObject({ code: 'E_REFUSED' });
  rmSync(folder, { recursive: true });
});
