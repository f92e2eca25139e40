import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Repository } from '../../src/repository/repository.js';
import { openedAt, publishOld } from '../support/old-backups.js';
import type { Ran } from '../support/run-cli.js';
import { potctlHere as potctl } from '../support/run-main.js';

let top: string;
let folder: string;
let repository: Repository;
let count = 0;
beforeAll(async () => {
  top = await mkdtemp(path.join(tmpdir(), 'potctl-prune-'));
});
beforeEach(async () => {
  count += 1;
  folder = path.join(top, `r${count}`);
  repository = await openedAt(folder);
});
afterAll(() => rm(top, { recursive: true, force: true }));

const SET = ['--from-series', 'profile:prod'];
/** There is no server, because these commands must not need one. */
const run = (...args: string[]): Promise<Ran> =>
  potctl(['backup', ...args, '--repository', folder], { env: { PGHOST: '/nonexistent', PGDATABASE: 'app' } });
const prune = (...flags: string[]): Promise<Ran> => run('prune', ...SET, ...flags);
const left = async (): Promise<string[]> => (await readdir(path.join(folder, 'backups'))).sort();
const errorOf = ({ stderr }: Ran) => JSON.parse(stderr.trimEnd().split('\n').at(-1)!).error;

describe('backup prune', () => {
  test('shows each decision with its reason, removes what no rule keeps, and prints the removed ids', async () => {
    const ids = await publishOld(repository, [1, 2, 3, 4, 5]);

    const dry = await prune('--keep-last', '3', '--dry-run');
    expect(dry).toMatchObject({ exitCode: 0, stdout: `${ids[3]}\n${ids[4]}\n` });
    expect(dry.stderr.match(/would be removed/g)).toHaveLength(1);
    expect(dry.stderr).toContain('Nothing was changed: this was a dry run.\n');
    expect((await left()).length).toBe(5);
    const wet = await prune('--keep-last', '3');
    expect(wet).toMatchObject({ exitCode: 0, stdout: `${ids[3]}\n${ids[4]}\n` });

    const table = (text: string): string => text.slice(text.indexOf('PRUNE'), text.indexOf('would be removed:'));
    expect(table(wet.stderr)).toBe(table(dry.stderr));
    expect(wet.stderr).toMatch(new RegExp(`${ids[0]}.* keep +the newest good; last 1 of 3\n`));
    expect(wet.stderr).toMatch(new RegExp(`${ids[4]}.* REMOVE +no rule keeps it\n`));
    expect(await left()).toEqual(ids.slice(0, 3).sort());
  });

  test('as JSON lists what is kept and removed and why, and the freed bytes', async () => {
    const ids = await publishOld(repository, [1, 2, 3]);
    const { exitCode, stdout } = await prune('--keep-last', '2', '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'potctl/backup.prune@1',
      changed: true,
      dry_run: false,
      result: {
        state: 'done',
        sets: ['profile:prod'],
        keep: [{ id: ids[0], reasons: ['the newest good', 'last 1 of 2'] }, { id: ids[1] }],
        remove: [{ id: ids[2], set: 'profile:prod', reasons: ['no rule keeps it'] }],
        refused: [],
        freed_bytes: 1520223,
      },
    });
  });

  test('requires the name of the profile to remove more than half, or more than --max-remove', async () => {
    const ids = await publishOld(repository, [1, 2, 3]);
    const refused = await prune('--keep-last', '1', '--json', '-y');
    expect(refused.exitCode).toBe(30);
    expect(errorOf(refused)).toMatchObject({ code: 'E_CONFIRM_REQUIRED', changed: 'nothing' });
    expect(errorOf(refused).fix.join()).toContain('--confirm prod');
    expect(errorOf(await prune('--keep-last', '1', '--confirm', 'app', '--json'))).toMatchObject({
      code: 'E_CONFIRM_WRONG',
    });
    expect((await prune('--keep-last', '2', '--max-remove', '0')).exitCode).toBe(30);
    expect(await left()).toEqual([...ids].sort());

    expect((await prune('--keep-last', '1', '--confirm', 'prod')).exitCode).toBe(0);
    expect(await left()).toEqual([ids[0]]);
  });

  test('refuses to run without a policy, or with flags that keep nothing or contradict each other', async () => {
    const ids = await publishOld(repository, [1, 2, 3]);
    for (const flags of [
      [],
      ['--keep-last', '0'],
      ['--keep-last', '-1'],
      ['--keep-daily', '0'],
      ['--keep-within', '0d'],
      ['--keep-within', '-7d'],
      ['--retention-days', '0'],
      ['--retention-days', '7', '--keep-within', '7d'],
      ['--keep-last', '1', '--keep-tz', 'Mars/Olympus'],
      ['--keep-last', '1', '--all-series'],
    ]) {
      expect([flags, (await prune(...flags, '--confirm', 'prod')).exitCode]).toEqual([flags, 2]);
    }
    expect(await left()).toEqual([...ids].sort());
  });

  test('stays within its series, and asks for one if it is not clear', async () => {
    await publishOld(repository, [1, 2]);
    const [, theirs] = await publishOld(repository, [1.1, 2.1], { set: '7301/other', profile: null });
    expect(errorOf(await run('prune', '--keep-last', '1', '--json'))).toMatchObject({
      code: 'E_BACKUP_NOT_FOUND',
      why: { sets: ['7301/other', 'profile:prod'] },
    });
    expect((await prune('--keep-last', '1')).exitCode).toBe(0);
    expect(await left()).toContain(theirs);
    expect((await run('prune', '--keep-last', '1', '--all-series')).exitCode).toBe(0);
    expect((await left()).length).toBe(2);
  });

  test('refuses to run if the clock went backwards, because ages cannot be trusted', async () => {
    await publishOld(repository, [-1, 2, 3]);
    const refused = await prune('--keep-last', '2', '--json');
    expect(refused.exitCode).toBe(17);
    expect(errorOf(refused)).toMatchObject({ code: 'E_UNFIT', changed: 'nothing' });
    expect((await left()).length).toBe(3);
  });

  test('keeps pinned backups, those in use, and unreadable ones', async () => {
    const ids = await publishOld(repository, [1, 2, 3, 4, 5, 6]);
    await writeFile(path.join(folder, 'backups', ids[5]!, 'events.ndjson'), '{"half":\n');
    await (await repository.draft('20200101T000000Z-00bad0')).publish('{');
    expect((await run('pin', ids[4]!, '--reason', 'court')).exitCode).toBe(0);
    const hold = await repository.hold(ids[3]!, 'backup verify');
    await repository.putDocument(
      'restores/5t2m8q3f7k.json',
      JSON.stringify({
        schema: 'potctl.restore',
        schema_version: '1.0',
        run_id: '5t2m8q3f7k',
        kind: 'restore',
        state: 'running',
        backup: ids[2],
      }),
    );
    const { exitCode, stderr } = await prune('--keep-last', '1');
    await hold.release();
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(new RegExp(`${ids[4]}.* keep +pinned: court\n`));
    expect(stderr).toMatch(new RegExp(`${ids[3]}.* keep +in use: backup verify by tester@here\n`));
    expect(stderr).toMatch(new RegExp(`${ids[2]}.* keep +in use: restore 5t2m8q3f7k\n`));
    expect(stderr).toMatch(/00bad0.* keep +not evaluated: /);
    expect(stderr).toMatch(new RegExp(`${ids[5]}.* keep +its history is damaged: .*a pin may be lost`));
    expect(await left()).toEqual(['20200101T000000Z-00bad0', ids[5], ids[4], ids[3], ids[2], ids[0]].sort());
  });

  test('touches nothing that is not a backup', async () => {
    await publishOld(repository, [1, 2]);
    const foreign = ['README', '20200101T000000Z', 'x.tombstone', '20200101T000000Z-00bad0.tombstone.old'];
    for (const name of foreign) await mkdir(path.join(folder, 'backups', name));
    await writeFile(path.join(folder, 'notes.txt'), 'mine');
    expect((await prune('--keep-last', '1')).exitCode).toBe(0);
    expect((await left()).length).toBe(1 + foreign.length);
    expect(await readdir(folder)).toContain('notes.txt');
  });

  test('requires -p to remove many backups in production, not a default profile', async () => {
    const ids = await publishOld(repository, [1, 2, 3]);
    const config = path.join(top, 'config.yaml');
    const profile = 'prod:\n    environment: production\n    retention: { last: 1, timezone: Europe/Lisbon }\n';
    await writeFile(config, `default_profile: prod\nprofiles:\n  ${profile}`);
    const flags = ['prune', '--config', config, '--confirm', 'prod', '--json'];
    expect(errorOf(await run(...flags))).toMatchObject({ code: 'E_PROFILE_REQUIRED', exit: 30 });
    expect(await left()).toEqual([...ids].sort());
    expect((await run(...flags, '-p', 'prod')).exitCode).toBe(0);
    expect(await left()).toEqual([ids[0]]);
  });
});
