import { realpath, statfs } from 'node:fs/promises';
import path from 'node:path';
import { fromErrno } from '../../kernel/errors.js';
import type { Layout, Storage } from '../storage.js';
import { claimsIn } from './claims.js';
import { ensureFolder } from './durable.js';
import { groupsIn } from './groups.js';
import { locate } from './root.js';
import { valuesIn } from './values.js';

/**
 * A storage in a directory: local disk or NFS. Nothing is written before the first changing call.
 *
 * @param location absolute path
 * @throws PotctlError E_REPOSITORY_FORMAT (a file, a link to nowhere, a missing parent), E_FILES_DENIED, E_IO
 */
export async function openDirectory(location: string, layout: Layout): Promise<Storage> {
  const { folder, isThere } = await located(location);
  let wasThere = isThere;
  return {
    url: location,
    placeOf: (key) => path.join(folder, key),
    async isThere() {
      const found = await located(folder);
      wasThere ||= found.isThere;
      return found.isThere;
    },
    async create() {
      await ensureFolder(folder);
      wasThere = true;
    },
    around: (key) => around(folder, key),
    freeBytes: () => freeBytes(folder),
    ...valuesIn(folder, layout, () => wasThere),
    claims: claimsIn(folder),
    groups: groupsIn(folder, layout),
  };
}

async function located(location: string): ReturnType<typeof locate> {
  try {
    return await locate(location);
  } catch (error) {
    throw fromErrno(error, `open the repository '${location}'`);
  }
}

/** Markers are small. */
const AROUND_LIMIT = 1024 * 1024;

async function around(folder: string, key: string): Promise<string | null> {
  const above = path.dirname(folder);
  return (await valuesIn(above).get(key, { limit: AROUND_LIMIT })) === undefined ? null : above;
}

/** Returns the free space; of the parent folder if the folder does not exist. */
async function freeBytes(folder: string): Promise<number | null> {
  const { bavail, bsize } = await statfs(await realpath(folder).catch(() => path.dirname(folder)));
  return bavail * bsize;
}
