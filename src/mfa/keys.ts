import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fromErrno, PotctlError } from '../errors.js';
import type { Keyring } from './envelope.js';

/** Where keys are looked for. */
export interface KeySources {
  /** File by key id; a descriptor is a file, too: `/dev/fd/9`. */
  readonly files: Readonly<Record<string, string>>;
  /** systemd's `$CREDENTIALS_DIRECTORY`: each `potctl.mfa-key.<id>` in it is a key. */
  readonly credentialsDirectory: string | null;
}

const CREDENTIAL = 'potctl.mfa-key.';
const KEY_BYTES = 32;

/**
 * Reads all keys, sorted by id with numbers as numbers; the last one is the newest, under which new secrets are sealed.
 *
 * A key is 32 bytes: raw, as 64 hex digits, or as base64.
 *
 * @throws E_MFA_KEY: others may read the file, or it holds no key; E_FILES_DENIED, E_IO
 */
export async function readKeys({ files, credentialsDirectory }: KeySources): Promise<Keyring> {
  const found = new Map(Object.entries(files));
  for (const [id, file] of await credentials(credentialsDirectory)) if (!found.has(id)) found.set(id, file);
  const ids = [...found.keys()].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const keys = new Map<string, Uint8Array>();
  for (const id of ids) keys.set(id, await readKey(id, found.get(id)!));
  return keys;
}

async function credentials(directory: string | null): Promise<[string, string][]> {
  if (directory === null) return [];
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => name.startsWith(CREDENTIAL))
    .map((name) => [name.slice(CREDENTIAL.length), path.join(directory, name)]);
}

async function readKey(id: string, file: string): Promise<Uint8Array> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw fromErrno(error, `read the key '${id}' from "${file}"`);
  });
  try {
    const { mode } = await handle.stat();
    if ((mode & 0o077) !== 0) {
      throw new PotctlError('E_MFA_KEY', `others may read the key '${id}' in "${file}"`, {
        why: `its mode is ${(mode & 0o777).toString(8).padStart(4, '0')}`,
        fix: [`chmod 0400 ${file}`],
      });
    }
    return keyOf(await handle.readFile(), id, file);
  } finally {
    await handle.close();
  }
}

function keyOf(content: Buffer, id: string, file: string): Uint8Array {
  if (content.length === KEY_BYTES) return content;
  const text = content.toString('latin1').trim();
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  const decoded = Buffer.from(text, 'base64');
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text) && decoded.length === KEY_BYTES) return decoded;
  throw new PotctlError('E_MFA_KEY', `"${file}" holds no key '${id}'`, {
    why: 'a key is 32 bytes: raw, as 64 hex digits, or as base64',
    fix: [`make one: (umask 077; openssl rand -hex 32 > ${file})`],
  });
}
