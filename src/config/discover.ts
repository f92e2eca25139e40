import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { isErrno, PotctlError } from '../kernel/errors.js';
import { type Advice, advice, again, potctl } from '../kernel/next.js';
import { fromHere } from './paths.js';
import type { SettingsRequest } from './request.js';

/** The configuration file as found, not parsed yet. */
export interface FoundFile {
  /** Absolute. */
  readonly file: string;
  /** Why this one, e.g. `flag --config`. */
  readonly chosenBy: string;
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
}

/** A location where a file is looked for. `given`: the user named it, so the file must exist. */
export interface Place {
  readonly file: string;
  readonly chosenBy: string;
  readonly given: boolean;
}

const LARGEST_FILE = 1_048_576;

/**
 * Where the configuration may be, highest rank first. Never the current directory and never `.env`: a file that is found by `cd` could
 * contain a `password_command`.
 */
export function configPlaces(request: SettingsRequest): Place[] {
  const { flags, environment, homeDirectory, systemFile = '/etc/potctl/config.yaml' } = request;
  if (flags.config !== undefined)
    return [{ file: fromHere(flags.config, request), chosenBy: 'flag --config', given: true }];
  const named = environment['POTCTL_CONFIG'];
  if (named) return [{ file: fromHere(named, request), chosenBy: 'env POTCTL_CONFIG', given: true }];
  const xdg = environment['XDG_CONFIG_HOME'];
  const base = xdg && path.isAbsolute(xdg) ? xdg : path.join(homeDirectory, '.config');
  return [
    { file: path.join(base, 'potctl', 'config.yaml'), chosenBy: 'the user’s file', given: false },
    { file: systemFile, chosenBy: 'the system’s file', given: false },
  ];
}

/**
 * The first configuration file that exists, or null if there is none.
 *
 * @throws PotctlError E_CONFIG if a named file is missing or world-writable, E_FILES_DENIED if it is not readable
 */
export async function findConfigFile(request: SettingsRequest): Promise<FoundFile | null> {
  for (const place of configPlaces(request)) {
    const found = await readPlace(place);
    if (found !== null) return found;
  }
  return null;
}

/** Which configuration file is used, and where potctl looked for one, highest rank first. */
export interface ConfigLocation {
  readonly file: string | null;
  readonly chosen_by: string | null;
  readonly looked_for: readonly string[];
}

/** Finds out which configuration file is used. @throws PotctlError like findConfigFile */
export async function locateConfiguration(request: SettingsRequest): Promise<ConfigLocation> {
  const found = await findConfigFile(request);
  return {
    file: found?.file ?? null,
    chosen_by: found?.chosenBy ?? null,
    looked_for: configPlaces(request).map(({ file }) => file),
  };
}

async function readPlace({ file, chosenBy, given }: Place): Promise<FoundFile | null> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const facts = await handle.stat();
      if (!facts.isFile()) throw unreadable(file, chosenBy, 'it is not a regular file');
      if (facts.size > LARGEST_FILE) throw unreadable(file, chosenBy, 'it is larger than 1 MiB');
      if ((facts.mode & 0o002) !== 0)
        throw unreadable(
          file,
          chosenBy,
          'it is world-writable, and it can contain commands that potctl runs',
          `chmod 0600 ${file}`,
        );
      return { file, chosenBy, text: await handle.readFile('utf8'), mode: facts.mode & 0o777 };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR') && !given) return null;
    if (isErrno(error, 'ENOENT', 'ENOTDIR'))
      throw unreadable(
        file,
        chosenBy,
        'the file does not exist',
        `Correct the path, or leave out ${chosenBy.replace(/^\w+ /, '')}: potctl then uses the file in its usual place.`,
      );
    if (isErrno(error, 'EACCES', 'EPERM'))
      throw new PotctlError('E_FILES_DENIED', `permission denied for the configuration '${file}'`, {
        why: { chosen_by: chosenBy },
        fix: ['run as the user that owns it', advice`or name another file with ${again('--config', 'FILE')}`],
        cause: error,
      });
    throw error instanceof PotctlError ? error : unreadable(file, chosenBy, String(error));
  }
}

function unreadable(file: string, chosenBy: string, why: string, fix?: Advice): PotctlError {
  return new PotctlError('E_CONFIG', `the configuration '${file}' cannot be used`, {
    why: { problem: why, chosen_by: chosenBy },
    fix: [fix ?? advice`see which files potctl looks for: ${potctl('config', 'path')}`],
  });
}
