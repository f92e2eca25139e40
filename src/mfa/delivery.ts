import { open, unlink } from 'node:fs/promises';
import path from 'node:path';
import { fromErrno, isErrno, PotctlError } from '../kernel/errors.js';
import { syncPath } from '../storage/directory/durable.js';

/** Hands out a secret once. */
export interface Delivery {
  /** For display, e.g. `/root/codes.txt`. */
  readonly to: string;
  /** Called before the commit; whatever can fail must fail here. @returns undoes it if the transaction fails */
  prepare(lines: readonly string[]): Promise<() => Promise<void>>;
  /** Called after the commit. */
  hand(lines: readonly string[]): Promise<void>;
}

/** Where a secret will go, chosen before the secret exists. */
export interface SecretPlace {
  /** For display, e.g. `/root/codes.txt`. */
  readonly to: string;
  /** Called right before the change; may ask the operator. @throws E_CANCELED, E_SECRET_OUTPUT */
  open(): Promise<Delivery>;
}

/**
 * Delivers to a new file that only its owner may read. An existing file is never overwritten.
 *
 * @throws (prepare) E_SECRET_OUTPUT if it exists; E_FILES_DENIED, E_NO_SPACE, E_IO
 */
export function toNewFile(
  file: string,
  content: (lines: readonly string[]) => Promise<Uint8Array> | Uint8Array,
): Delivery {
  return {
    to: file,
    async prepare(lines) {
      await writeNew(file, await content(lines));
      return () => unlink(file);
    },
    hand: async () => {},
  };
}

/** Returns lines as text, each with a newline. */
export const asText = (lines: readonly string[]): Uint8Array => Buffer.from(lines.map((line) => `${line}\n`).join(''));

/** Delivers to several places; on failure, undoes what was prepared in reverse order. */
export function toAll(deliveries: readonly Delivery[]): Delivery {
  return {
    to: deliveries.map(({ to }) => to).join(' and '),
    async prepare(lines) {
      const undo: (() => Promise<void>)[] = [];
      const back = async (): Promise<void> => {
        for (const step of undo.reverse()) await step().catch(() => {});
      };
      for (const delivery of deliveries) {
        undo.push(
          await delivery.prepare(lines).catch(async (error: unknown) => {
            await back();
            throw error;
          }),
        );
      }
      return back;
    },
    async hand(lines) {
      for (const delivery of deliveries) await delivery.hand(lines);
    },
  };
}

/**
 * Refuses early what could not be written later: the file exists, or its directory does not.
 *
 * @throws E_SECRET_OUTPUT
 */
export async function checkNewFile(file: string): Promise<void> {
  const { access, constants } = await import('node:fs/promises');
  const exists = await access(file)
    .then(() => true)
    .catch((error: unknown) => !isErrno(error, 'ENOENT', 'ENOTDIR'));
  if (exists) throw taken(file);
  await access(path.dirname(path.resolve(file)), constants.W_OK).catch((error: unknown) => {
    throw new PotctlError('E_SECRET_OUTPUT', `cannot create "${file}"`, { why: String((error as Error).message) });
  });
}

const taken = (file: string): PotctlError =>
  new PotctlError('E_SECRET_OUTPUT', `"${file}" already exists: secrets are only written to new files`, {
    fix: ['Name another file, or remove this one if it is not needed.'],
  });

/** Replaces general advice about disk space, which is about backup repositories. */
function unwritten(error: unknown, file: string): unknown {
  const known = fromErrno(error, `write "${file}"`);
  if (!(known instanceof PotctlError) || known.code === 'E_FILES_DENIED') return known;
  return known.with({ changed: 'nothing', fix: ['Free some space there, or name a new file on another disk.'] });
}

async function writeNew(file: string, content: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', 0o600).catch((error: unknown) => {
    throw isErrno(error, 'EEXIST') ? taken(file) : unwritten(error, file);
  });
  try {
    await handle.chmod(0o600);
    await handle.writeFile(content);
    await handle.sync();
    await syncFolder(path.dirname(file));
  } catch (error) {
    await unlink(file).catch(() => {});
    throw unwritten(error, file);
  } finally {
    await handle.close();
  }
}

/** The name of the file survives a power failure only once its folder is synced. A folder that may only be written to cannot be. */
async function syncFolder(folder: string): Promise<void> {
  await syncPath(folder).catch((error: unknown) => {
    if (!isErrno(error, 'EACCES')) throw error;
  });
}
