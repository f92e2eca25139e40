import { spawn } from '@lydell/node-pty';
import { beforeAll, describe, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.js';
import { cleanEnvironment, POTCTL, potctl } from '../support/run-cli.js';
import { potctlToFullDisk } from './full-output.js';

const WHY = ['--reason', 'new phone, in person'];
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase({ schema: '3dpot', dropAfterTest: false });
  await database.query(
    `insert into users (id, email, username, hashed_password, is_active, updated_at)
     values (gen_random_uuid(), 'ana@example.com', 'ana', 'x', true, now())`,
  );
  await potctl(['setup', '--yes', '-q'], { env: { PGDATABASE: database.name } });
  return () => database.drop();
});

const enrolled = () =>
  database.query(`update users set mfa_enabled = true, mfa_secret = '${SECRET}', mfa_backup_codes = '["1111-1111"]'`);
const blank = () => database.query("update users set mfa_enabled = false, mfa_secret = null, mfa_backup_codes = '[]'");
const journal = async () =>
  Number((await database.query<{ n: string }>('select count(*) as n from potctl.journal'))[0]!.n);

async function stored(): Promise<{ enabled: boolean; secret: string | null; codes: string[] }> {
  const [row] = await database.query<{ enabled: boolean; secret: string | null; codes: string[] }>(
    'select mfa_enabled as enabled, mfa_secret as secret, mfa_backup_codes as codes from users',
  );
  return row!;
}

interface Ended {
  readonly exitCode: number;
  readonly screen: string;
  readonly everything: string;
}

/** `potctl …` at a terminal that answers where its cursor is, as one with a second screen does; `end` when the secret is shown. */
function shown(
  args: readonly string[],
  end: (pty: { readonly pid: number; write(keys: string): void }) => void,
): Promise<Ended> {
  const env = { ...cleanEnvironment({ PGDATABASE: database.name }), TERM: 'xterm', NO_COLOR: '1' };
  const pty = spawn(process.execPath, [POTCTL, ...args], { cols: 100, rows: 40, env });
  let everything = '';
  let [isTyped, isEnded] = [false, false];
  pty.onData((data) => {
    everything += data;
    if (data.includes('\u001b[6n')) pty.write('\u001b[5;5R');
    if (!isTyped && everything.includes("Type 'ana'")) {
      isTyped = true;
      setTimeout(() => pty.write('ana\r'), 300);
    }
    if (!isEnded && everything.includes('Copied? Type saved')) {
      isEnded = true;
      setTimeout(() => end(pty), 300);
    }
  });
  const timer = setTimeout(() => pty.kill('SIGKILL'), 40_000);
  return new Promise((resolve) => {
    pty.onExit(({ exitCode }) => {
      clearTimeout(timer);
      const afterwards = everything.slice(everything.lastIndexOf('\u001b[?1049l'));
      resolve({ exitCode, screen: afterwards.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, ''), everything });
    });
  });
}

const env = () => ({ PGDATABASE: database.name });

const WAYS = [
  ['SIGTERM', 143, (pid: number) => process.kill(pid, 'SIGTERM')],
  ['SIGINT', 130, (pid: number) => process.kill(pid, 'SIGINT')],
  ['SIGHUP', 143, (pid: number) => process.kill(pid, 'SIGHUP')],
  ['Ctrl-C', 130, (_pid: number, write: (keys: string) => void) => write('\u0003')],
] as const;

describe('however the screen is closed, the error says what was changed', () => {
  test.each(WAYS)(
    'backup codes and %s: the error says that they work, and how to replace them',
    async (_name, status, end) => {
      await enrolled();
      const { exitCode, screen } = await shown(['mfa', 'codes', 'ana', ...WHY], (pty) =>
        end(pty.pid, (keys) => pty.write(keys)),
      );
      const { codes } = await stored();
      expect(codes).toHaveLength(10);
      expect(exitCode).toBe(status);
      expect(screen).toMatch(/Changed: +ana has new backup codes; the old ones no longer work/);
      expect(screen).toMatch(/potctl mfa codes ana(?=`|\s|$)/m);
      expect(screen).not.toContain('nothing.');
      for (const code of codes) expect(screen).not.toContain(code);
    },
  );

  test.each(WAYS)(
    'a secret and %s: the error says that it is pending, and names the next command',
    async (_name, status, end) => {
      await blank();
      const { exitCode, screen } = await shown(['mfa', 'enroll', 'ana', ...WHY], (pty) =>
        end(pty.pid, (keys) => pty.write(keys)),
      );
      const { secret } = await stored();
      expect(secret).toMatch(/^[A-Z2-7]{32}$/);
      expect(exitCode).toBe(status);
      expect(screen).toMatch(/Changed: +ana has a new secret, inactive until its first code/);
      expect(screen).toContain('potctl mfa confirm ana');
      expect(screen).toContain('potctl mfa enroll ana');
      expect(screen).not.toContain(secret!);
    },
  );
});

describe('an output that cannot be written', () => {
  test.each(['reset', 'disable'])('after mfa %s reports what was changed, and how the output failed', async (verb) => {
    await enrolled();
    const before = await journal();
    const { exitCode, error } = await potctlToFullDisk(['mfa', verb, 'ana', ...WHY, '--confirm', 'ana'], env());
    expect((await stored()).enabled).toBe(false);
    expect(await journal()).toBe(before + 1);
    expect(exitCode).toBe(17);
    expect(error).toMatchObject({ code: 'E_OUTPUT', changed: 'complete' });
    expect(error.changed_detail).toContain('the second factor of ana');
  });

  test('after mfa verify reports that the code is used up', async () => {
    await enrolled();
    const { exitCode, error } = await potctlToFullDisk(['mfa', 'verify', 'ana', '--code-stdin'], env(), '1111-1111\n');
    expect((await stored()).codes).toEqual([]);
    expect(exitCode).toBe(17);
    expect(error).toMatchObject({ code: 'E_OUTPUT', changed: 'complete' });
    expect(error.changed_detail).toContain('the backup code of ana was correct and is now used up (journal');
  });

  test('of a dry run reports that nothing was changed', async () => {
    await enrolled();
    const { exitCode, error } = await potctlToFullDisk(['mfa', 'reset', 'ana', ...WHY, '-n'], env());
    expect((await stored()).enabled).toBe(true);
    expect(exitCode).toBe(17);
    expect(error).toMatchObject({ code: 'E_OUTPUT', changed: 'nothing' });
  });
});

test.each([['--secret-to'], ['--qr']])(
  '%s - is refused before a secret exists, and no such file is created',
  async (flag) => {
    await blank();
    const ran = await potctl(['mfa', 'enroll', 'ana', ...WHY, flag, '-', '--confirm', 'ana'], {
      env: { PGDATABASE: database.name },
    });
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain('neither stdin nor stdout');
    expect((await stored()).secret).toBeNull();
  },
);
