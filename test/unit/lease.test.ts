import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { type HostIdentity, readHostIdentity } from '../../src/kernel/host-identity.js';
import { advice, again } from '../../src/kernel/next.js';
import type { LeaseTimes } from '../../src/repository/lease.js';
import type { LockHolder } from '../../src/repository/lock.js';
import { openRepository } from '../../src/repository/open.js';
import type { Repository } from '../../src/repository/repository.js';
import { draftWithFiles, request } from '../contract/repository.js';

const ID = '20261122T095106Z-7f3a9c';
const PATIENT = { heartbeatMs: 100, silenceMs: 60_000, pollMs: 20 };
const HASTY = { heartbeatMs: 100, silenceMs: 700, pollMs: 20 };
/** Longer than any pause of a living holder on a busy machine. */
const SURE = { heartbeatMs: 100, silenceMs: 1_500, pollMs: 20 };

let top: string;
let script: string;
let host: HostIdentity;
let folder: string;
let count = 0;
const children = new Set<ChildProcess>();
const takenOver: (LockHolder | null)[] = [];

beforeAll(async () => {
  top = await mkdtemp(path.join(tmpdir(), 'potctl-lease-'));
  script = path.join(top, 'holder.mjs');
  const entry = fileURLToPath(new URL('lease-holder.ts', import.meta.url));
  await build({ entryPoints: [entry], outfile: script, bundle: true, platform: 'node', format: 'esm' });
  host = await readHostIdentity(process.pid);
});
beforeEach(() => {
  count += 1;
  folder = path.join(top, `r${count}`);
  takenOver.length = 0;
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});
afterAll(() => rm(top, { recursive: true, force: true }));

const opened = (times: LeaseTimes = PATIENT, as: Partial<HostIdentity> = {}): Promise<Repository> =>
  openRepository(
    { name: 'local', path: folder },
    {
      clock: systemClock,
      host: { ...host, ...as },
      operator: 'ana@ops1',
      times,
      onTakeover: (holder) => takenOver.push(holder),
    },
  );

interface Holder {
  readonly child: ChildProcess;
  readonly host: HostIdentity;
  readonly next: () => Promise<Record<string, unknown>>;
}

/** Starts a process that holds the lock; `before` is put in front of its command line. */
async function startHolder(before: readonly string[] = []): Promise<Holder> {
  const [file = '', ...args] = [...before, process.execPath, script, folder, ID, '100'];
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.add(child);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => JSON.parse((await lines.next()).value ?? 'null');
  return { child, next, host: (await next())['host'] as HostIdentity };
}

async function kill({ child }: Holder): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
  children.delete(child);
}

const lockFile = (): string => path.join(folder, 'potctl.lock');
const onDisk = async (): Promise<string[]> => [
  ...(await readdir(folder)).filter((name) => name.startsWith('potctl.lock')),
  ...(await readdir(path.join(folder, 'backups'))),
];

/** Rewrites the facts of the lock on disk, as if another host had written it and died. */
async function forge(changes: { host?: Partial<HostIdentity> }): Promise<void> {
  const [first = '', ...rest] = (await readFile(lockFile(), 'utf8')).split('\n');
  const holder = JSON.parse(first) as LockHolder;
  const forged = { ...holder, host: { ...holder.host, ...changes.host } };
  await writeFile(lockFile(), [JSON.stringify(forged), ...rest].join('\n'));
}

describe('a holder on this host', () => {
  test('that was killed is replaced at once, and its unfinished backup is swept', async () => {
    const holder = await startHolder();
    expect(await onDisk()).toEqual(['potctl.lock', `${ID}.partial`]);
    await kill(holder);
    const started = Date.now();
    const lease = await (await opened()).lock(request());
    expect(Date.now() - started).toBeLessThan(3_000);
    expect(takenOver).toMatchObject([{ command: 'backup create', runId: 'held', host: { pid: holder.host.pid } }]);
    expect(await onDisk()).toEqual(['potctl.lock']);
    await lease.release();
    expect(await onDisk()).toEqual([]);
  });

  test('that is alive keeps the lock, and others are told who holds it since when', async () => {
    const holder = await startHolder();
    const refusal = (await opened()).lock(request({ waitMs: 500 }));
    await expect(refusal).rejects.toMatchObject({
      code: 'E_LOCKED',
      changed: 'nothing',
      why: {
        command: 'backup create',
        operator: 'cron@ops1',
        pid: holder.host.pid,
        since: expect.stringMatching(/Z$/),
      },
      fix: [advice`To wait for it, repeat the command with ${again('--wait', '30m')}`],
    });
    holder.child.stdin!.write('publish\n');
    expect(await holder.next()).toEqual({ outcome: 'published' });
    expect(await (await opened()).list()).toEqual([ID]);
  });

  test('whose pid now belongs to another process is dead', async () => {
    const lease = await (await opened(PATIENT, { startTime: '1' })).lock(request());
    await (await (await opened()).lock(request())).release();
    expect(takenOver).toHaveLength(1);
    await expect(lease.assertHeld()).rejects.toMatchObject({ code: 'E_LOCKED' });
    await lease.release();
  });

  test('that was stopped for too long cannot publish when it wakes up', async () => {
    const holder = await startHolder();
    holder.child.kill('SIGSTOP');
    const repository = await opened(HASTY);
    const lease = await repository.lock(request({ waitMs: 20_000 }));
    holder.child.kill('SIGCONT');
    holder.child.stdin!.write('publish\n');
    expect(await holder.next()).toEqual({ outcome: 'E_LOCKED' });
    await lease.assertHeld();
    expect(await repository.list()).toEqual([]);
    await lease.release();
  });
});

describe('a holder whose process cannot be checked', () => {
  const may = (...flags: string[]): boolean => spawnSync('unshare', ['--pid', '--fork', ...flags, 'true']).status === 0;

  test.skipIf(!may('--mount-proc'))(
    'because it lives in another pid namespace (needs root) is left alone',
    async () => {
      const holder = await startHolder(['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']);
      expect(holder.host.pidNamespace).not.toBe(host.pidNamespace);
      expect(holder.host.pid).toBeLessThan(10);
      await expect((await opened()).lock(request())).rejects.toMatchObject({ code: 'E_LOCKED' });
      await expect((await opened(SURE)).lock(request({ waitMs: 2_000 }))).rejects.toMatchObject({ code: 'E_LOCKED' });
      await kill(holder);
      await (await (await opened(HASTY)).lock(request({ waitMs: 20_000 }))).release();
      expect(takenOver).toHaveLength(1);
    },
  );

  test.skipIf(!may())('because /proc shows other numbers than its own (needs root) says so', async () => {
    const holder = await startHolder(['unshare', '--pid', '--fork', '--kill-child']);
    expect(holder.host).toMatchObject({ pidNamespace: null, startTime: null });
    await expect((await opened()).lock(request())).rejects.toMatchObject({ code: 'E_LOCKED' });
  });

  test.each([
    ['of another host', { hostname: 'elsewhere' }],
    ['of an earlier boot', { bootId: '00000000-0000-0000-0000-000000000000' }],
  ])('%s loses the lock only after its counter stopped', async (_, other) => {
    const holder = await startHolder();
    await kill(holder);
    await forge({ host: other });
    await expect((await opened()).lock(request())).rejects.toMatchObject({ code: 'E_LOCKED' });
    const started = Date.now();
    await (await (await opened(HASTY)).lock(request({ waitMs: 20_000 }))).release();
    expect(Date.now() - started).toBeGreaterThanOrEqual(HASTY.silenceMs);
  });

  test('of another host keeps the lock while its counter increases', async () => {
    const lease = await (await opened(PATIENT, { hostname: 'elsewhere' })).lock(request());
    await expect((await opened(SURE)).lock(request({ waitMs: 2_500 }))).rejects.toMatchObject({ code: 'E_LOCKED' });
    await lease.assertHeld();
    await lease.release();
    expect(takenOver).toEqual([]);
  });

  test('and looks stale is watched and replaced even without --wait', async () => {
    const holder = await startHolder();
    await kill(holder);
    await forge({ host: { hostname: 'elsewhere' } });
    const yesterday = Date.now() / 1000 - 86_400;
    await utimes(lockFile(), yesterday, yesterday);
    await (await (await opened(HASTY)).lock(request())).release();
    expect(takenOver).toMatchObject([{ host: { hostname: 'elsewhere' } }]);
  });

  test.each(['', 'garbage', '{}\n1', '{"host":{"pid":-1}}\n'])(
    'because its lock contains %j is waited for',
    async (text) => {
      await (await opened()).putDocument('restores/r.json', '{}');
      await writeFile(lockFile(), text);
      await expect((await opened()).lock(request())).rejects.toMatchObject({ code: 'E_LOCKED' });
      await (await (await opened(HASTY)).lock(request({ waitMs: 20_000 }))).release();
      expect(takenOver).toEqual([null]);
    },
  );
});

test('a run is at work only while its own lock is held, by a process that lives', async () => {
  const holder = await startHolder();
  const repository = await opened();
  expect([await repository.isAtWork('held'), await repository.isAtWork('another')]).toEqual([true, false]);
  await kill(holder);
  expect(await repository.isAtWork('held')).toBe(false);
});

describe('taking over', () => {
  test('by many processes at once lets in one at a time', async () => {
    await kill(await startHolder());
    let inside = 0;
    const turn = async (): Promise<number> => {
      const lease = await (await opened()).lock(request({ waitMs: 30_000 }));
      inside += 1;
      const together = inside;
      await lease.assertHeld();
      inside -= 1;
      await lease.release();
      return together;
    };
    expect(await Promise.all(Array.from({ length: 8 }, turn))).toEqual(Array(8).fill(1));
    expect(takenOver).toHaveLength(1);
    expect(await onDisk()).toEqual([]);
  });

  test('leaves the old holder unable to publish, and its release does not free the new lock', async () => {
    const old = await opened(PATIENT, { startTime: '1' });
    const lost = await old.lock(request());
    const draft = await draftWithFiles(old, ID);
    const lease = await (await opened()).lock(request());
    await expect(draft.publish('{}\n')).rejects.toMatchObject({ code: 'E_LOCKED' });
    await lost.release();
    await lease.assertHeld();
    expect(await old.list()).toEqual([]);
    await lease.release();
  });
});
