import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readKeys } from '../../src/mfa/keys.js';
import { outputOf } from '../support/programs.js';

const KEY = randomBytes(32);

/** A folder, and files in it with a mode. */
function folder() {
  const top = mkdtempSync(path.join(tmpdir(), 'potctl-keys-'));
  onTestFinished(() => rmSync(top, { recursive: true }));
  const put = (name: string, content: string | Uint8Array = KEY, mode = 0o400): string => {
    const file = path.join(top, name);
    writeFileSync(file, content);
    chmodSync(file, mode);
    return file;
  };
  return { top, put };
}

const only = (file: string) => readKeys({ files: { k1: file }, credentialsDirectory: null });

describe('a key of 32 bytes is read', () => {
  test.each([
    ['as the bytes themselves', KEY],
    ['as bytes that end like a line', Buffer.concat([KEY.subarray(1), Buffer.from('\n')])],
    ['as hex digits', KEY.toString('hex')],
    ['as hex digits in upper case with a line end', `${KEY.toString('hex').toUpperCase()}\r\n`],
    ['as base64', KEY.toString('base64')],
    ['as base64 with a line end', `${KEY.toString('base64')}\n`],
    ['as base64 for addresses, without padding', KEY.toString('base64url')],
  ])('%s', async (_, content) => {
    const expected = Buffer.isBuffer(content) ? content : KEY;
    expect([...(await only(folder().put('key', content)))]).toEqual([['k1', expected]]);
  });

  test.each([0o400, 0o600, 0o700])('from a file of mode %o', async (mode) => {
    expect((await only(folder().put('key', KEY, mode))).get('k1')).toEqual(KEY);
  });

  test('from a descriptor that the shell opened', async () => {
    const descriptor = openSync(folder().put('key'), 'r');
    onTestFinished(() => closeSync(descriptor));
    expect((await only(`/dev/fd/${descriptor}`)).get('k1')).toEqual(KEY);
  });

  test('from a pipe, in pieces', async () => {
    const pipe = path.join(folder().top, 'pipe');
    outputOf('mkfifo', ['-m', '600', pipe]);
    const [first, second] = [KEY.toString('hex').slice(0, 20), KEY.toString('hex').slice(20)];
    const writer = spawn('sh', ['-c', 'exec >"$1"; printf %s "$2"; sleep 0.2; echo "$3"', 'sh', pipe, first, second]);
    onTestFinished(() => void writer.kill());
    expect((await only(pipe)).get('k1')).toEqual(KEY);
  });
});

describe('an invalid key is refused', () => {
  test.each([
    ['nothing', ''],
    ['31 bytes', KEY.subarray(1)],
    ['33 bytes', Buffer.concat([KEY, Buffer.of(0)])],
    ['63 hex digits', KEY.toString('hex').slice(1)],
    ['66 hex digits', `${KEY.toString('hex')}00`],
    ['base64 of 31 bytes', KEY.subarray(1).toString('base64')],
    ['base64 of 33 bytes', Buffer.concat([KEY, Buffer.of(0)]).toString('base64')],
    ['two keys', `${KEY.toString('hex')}\n${KEY.toString('hex')}\n`],
    ['32 hex digits, which are 16 bytes', KEY.toString('hex').slice(32)],
    ['words', 'correct horse battery staple, it says'],
  ])('%s', async (_, content) => {
    await expect(only(folder().put('key', content))).rejects.toMatchObject({ code: 'E_MFA_KEY' });
  });

  test.each([0o440, 0o404, 0o644, 0o620, 0o602, 0o610, 0o601])(
    'a file of mode %o, which others can access',
    async (mode) => {
      const file = folder().put('key', KEY, mode);
      await expect(only(file)).rejects.toMatchObject({ code: 'E_MFA_KEY', fix: [`chmod 0400 ${file}`] });
    },
  );

  test('a missing file, or a directory, is named', async () => {
    const { top } = folder();
    mkdirSync(path.join(top, 'inner'), { mode: 0o700 });
    for (const file of [path.join(top, 'none'), path.join(top, 'inner')]) {
      await expect(only(file)).rejects.toMatchObject({
        code: 'E_IO',
        message: `cannot read the key 'k1' from "${file}"`,
      });
    }
  });

  test('the message never contains the content of the file', async () => {
    const content = `${KEY.toString('hex')}ff`;
    const error: unknown = await only(folder().put('key', content)).catch((thrown: unknown) => thrown);
    expect(JSON.stringify([error, (error as Error).message, (error as Error).stack])).not.toContain(
      content.slice(0, 8),
    );
  });
});

describe('several keys', () => {
  test('are sorted numerically, so that k10 is newer than k9', async () => {
    const file = folder().put('key');
    const files = Object.fromEntries(['k10', 'k9', '2026b', 'k1', '2026a', 'k9a'].map((id) => [id, file]));
    const keys = await readKeys({ files, credentialsDirectory: null });
    expect([...keys.keys()]).toEqual(['2026a', '2026b', 'k1', 'k9', 'k9a', 'k10']);
  });

  test("are also read from systemd's credentials, ignoring other credentials", async () => {
    const { top, put } = folder();
    const other = randomBytes(32);
    put('potctl.mfa-key.k2', KEY.toString('hex'));
    put('potctl.mfa-key.k10', KEY);
    put('potctl.password', 'x');
    const keys = await readKeys({ files: { k2: put('own', other) }, credentialsDirectory: top });
    expect([...keys]).toEqual([
      ['k2', other],
      ['k10', KEY],
    ]);
  });

  test('of systemd are read although their mode has group bits, which are those of an ACL', async () => {
    const { top, put } = folder();
    put('potctl.mfa-key.k1', KEY, 0o440);
    expect((await readKeys({ files: {}, credentialsDirectory: top })).get('k1')).toEqual(KEY);
    put('potctl.mfa-key.k2', KEY, 0o444);
    await expect(readKeys({ files: {}, credentialsDirectory: top })).rejects.toMatchObject({ code: 'E_MFA_KEY' });
  });

  test.each(['', 'a b', 'a:b', 'schlüssel', 'x'.repeat(65)])('the id "%s" is refused', async (id) => {
    const { top, put } = folder();
    put(`potctl.mfa-key.${id}`);
    await expect(readKeys({ files: {}, credentialsDirectory: top })).rejects.toMatchObject({ code: 'E_MFA_KEY' });
    await expect(readKeys({ files: { [id]: put('key') }, credentialsDirectory: null })).rejects.toMatchObject({
      code: 'E_MFA_KEY',
    });
  });

  test('without files and without systemd there is none', async () => {
    expect((await readKeys({ files: {}, credentialsDirectory: null })).size).toBe(0);
    expect((await readKeys({ files: {}, credentialsDirectory: '/nowhere' })).size).toBe(0);
  });
});
