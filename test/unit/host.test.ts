import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { loadSettings } from '../../src/config/load.js';
import { completeHost, type HostOptions } from '../../src/host/host.js';
import { runtimeDirectory } from '../../src/host/runtime-directory.js';

const environment = { HOME: '/nonexistent' };

describe('a host with few options', () => {
  test('has defaults for undefined as well as for missing options', () => {
    const unsaid = {
      signal: undefined,
      progress: undefined,
      applications: undefined,
      waitMs: undefined,
      clock: undefined,
    };
    const host = completeHost({
      ...{ environment, ...unsaid },
      ...{ listener: { warn: undefined }, who: { operator: undefined, runId: undefined } },
    } as unknown as HostOptions);

    expect(host.signal.aborted).toBe(false);
    expect(host.waitMs).toBe(0);
    host.progress({ kind: 'warning', text: 'heard by nobody' });
    host.listener.warn('heard by nobody');
    expect(host.who.operator).toBe(`${host.who.osUser}@${hostname()}`);
    expect(host.who.runId).toMatch(/^[0-9a-z]{10}$/);
  });

  test('runs as the given user on the given machine', () => {
    const { who } = completeHost({ environment, who: { osUser: 'ana', hostname: 'desk' } });
    expect(who).toMatchObject({ operator: 'ana@desk', osUser: 'ana', hostname: 'desk' });
    expect(completeHost({ environment, who: { operator: 'bo', osUser: 'ana' } }).who.operator).toBe('bo');
  });

  test.each([{ repository: './backups' }, { files: 'storage' }, { config: 'potctl.yaml' }, { passwordFile: 'secret' }])(
    'knows no place for a relative path: %j',
    async (flags) => {
      const { settings } = completeHost({ environment, flags });
      const [file] = Object.values(flags);
      await expect(loadSettings(settings)).rejects.toMatchObject({
        ...{ code: 'E_USAGE', message: `'${file}' is a relative path, and the current directory is unknown` },
        fix: [expect.stringContaining('absolute')],
      });
    },
  );

  test('resolves a relative path from the directory that it names', async () => {
    const { settings } = completeHost({ environment, cwd: '/srv', flags: { repository: './backups' } });
    expect((await loadSettings(settings)).repositories).toEqual([{ name: './backups', path: '/srv/backups' }]);
  });
});

describe('the directory for short-lived files', () => {
  test('follows the given environment, not that of this process', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'potctl-host-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const mine = path.join(folder, `potctl-${process.getuid?.()}`);

    expect(await runtimeDirectory({ XDG_RUNTIME_DIR: '/run/user/7', TMPDIR: folder })).toBe('/run/user/7/potctl');
    expect(await runtimeDirectory({ TMPDIR: folder })).toBe(mine);
    vi.stubEnv('TMPDIR', folder);
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await runtimeDirectory({ XDG_RUNTIME_DIR: '' })).toMatch(/^\/tmp\/potctl-/);
  });
});
