import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import { isKeyId, type Keyring } from './envelope.js';

/** Where keys are read from. */
export interface KeySources {
  /** File by key id; a descriptor works too: `/dev/fd/9`. */
  readonly files: Readonly<Record<string, string>>;
  /** systemd's `$CREDENTIALS_DIRECTORY`: each `potctl.mfa-key.<id>` in it is a key. */
  readonly credentialsDirectory: string | null;
}

const CREDENTIAL = 'potctl.mfa-key.';
const KEY_BYTES = 32;

/** Mode bits that a key file must not have; see {@link readKeys} for those of systemd. */
const OTHERS = 0o077;
const OTHERS_OF_SYSTEMD = 0o037;

/**
 * Reads all keys, sorted by id, numbers in numeric order; the last one is the newest, which encrypts new secrets.
 *
 * A key is 32 bytes: raw, as 64 hex digits, or as base64. systemd 254 and later gives credentials of a service with a user of its own the mode
 * 0440: the group bits are those of an ACL, in a directory that nobody else can enter.
 *
 * @throws E_MFA_KEY if others can read the file, it contains no key, or the id is invalid; E_FILES_DENIED, E_IO
 */
export async function readKeys({ files, credentialsDirectory }: KeySources): Promise<Keyring> {
  const systemd = new Map(await credentials(credentialsDirectory));
  const found = new Map([...systemd, ...Object.entries(files)]);
  const ids = [...found.keys()].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }) || (a < b ? -1 : 1));
  const keys = new Map<string, Uint8Array>();
  for (const id of ids) {
    const file = found.get(id)!;
    if (!isKeyId(id)) {
      throw new PotctlError('E_MFA_KEY', `'${id}' is not a valid id for the key in "${file}"`, {
        why: 'an id has up to 64 letters, digits, . _ or -',
      });
    }
    keys.set(id, await readKey(id, file, file === systemd.get(id) ? OTHERS_OF_SYSTEMD : OTHERS));
  }
  return keys;
}

async function credentials(directory: string | null): Promise<[string, string][]> {
  if (directory === null) return [];
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => name.startsWith(CREDENTIAL))
    .map((name) => [name.slice(CREDENTIAL.length), path.join(directory, name)]);
}

async function readKey(id: string, file: string, forbidden: number): Promise<Uint8Array> {
  const failed = (error: unknown): never => {
    throw fromErrno(error, `read the key '${id}' from "${file}"`);
  };
  const handle = await open(file, 'r').catch(failed);
  try {
    const { mode } = await handle.stat();
    if ((mode & forbidden) !== 0) {
      throw new PotctlError('E_MFA_KEY', `other users can access the key '${id}' in "${file}"`, {
        why: `its mode is ${(mode & 0o777).toString(8).padStart(4, '0')}`,
        fix: [`chmod 0400 ${file}`],
      });
    }
    return keyOf(await handle.readFile().catch(failed), id, file);
  } finally {
    await handle.close();
  }
}

function keyOf(content: Buffer, id: string, file: string): Uint8Array {
  const text = content.toString('latin1').trim();
  // 32 hex digits are 16 bytes, not a raw key of 32 bytes.
  if (content.length === KEY_BYTES && !/^[0-9a-f]{32}$/i.test(text)) return content;
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  const decoded = Buffer.from(text, 'base64');
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text) && decoded.length === KEY_BYTES) return decoded;
  throw new PotctlError('E_MFA_KEY', `"${file}" does not contain a valid key for '${id}'`, {
    why: 'a key is 32 bytes: raw, as 64 hex digits, or as base64',
    fix: [`Create one: (umask 077; openssl rand -hex 32 > ${file})`],
  });
}
