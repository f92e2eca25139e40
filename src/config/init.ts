import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { readAsset } from '../kernel/assets.js';
import { fromErrno, isErrno, PotctlError } from '../kernel/errors.js';
import { advice, again, potctl } from '../kernel/next.js';
import { explicitParameters } from './connection.js';
import { configPlaces } from './discover.js';
import { resolveConnection } from './libpq/parameters.js';
import { fromHere } from './paths.js';
import { noProfile } from './profile.js';
import type { SettingsRequest } from './request.js';
import type { Environment } from './settings.js';

/** The first configuration file. */
export interface NewConfiguration {
  /** Absolute. */
  readonly file: string;
  readonly profile: string;
  readonly environment: Environment;
  readonly text: string;
}

/**
 * Composes a configuration file from this command line and environment: database, files and repository, as one profile. Values that are
 * not given appear as comments. Makes no connection and writes nothing.
 *
 * @param request `-p` names the profile, `--config` the file; default: `default`, in the user's own location
 * @param wanted undefined = derived from the name of the profile, otherwise development
 * @throws E_CONFIG, E_USAGE as for any connection
 */
export async function composeConfiguration(
  request: SettingsRequest,
  wanted: Environment | undefined,
): Promise<NewConfiguration> {
  const { flags } = request;
  const profile = flags.profile ?? 'default';
  const environment = wanted ?? impliedBy(profile);
  const { explicit } = explicitParameters(request, noProfile);
  const { target, parameters } = await resolveConnection({ ...request, explicit });
  const { host, port, database: name, user, service, sslmode } = target;
  const place = service === null ? { host, port, name, user } : { service, name };
  const database = { ...place, ...(parameters.has('sslmode') ? { sslmode } : {}) };
  const local = flags.repository === undefined ? null : { local: { path: fromHere(flags.repository, request) } };
  const files = flags.files === undefined ? null : { path: fromHere(flags.files, request) };
  const values = new Map([
    ['profile', JSON.stringify(profile)],
    ['environment', environment],
    ['database', flow(database)],
    ['files', files && flow(files)],
    ['repositories', local && flow(local)],
  ]);
  const lines = readAsset('templates', 'config/first.yaml').split('\n');
  const text = lines.map((line) => filled(line, values)).join('\n');
  return { file: configPlaces(request)[0]!.file, profile, environment, text };
}

/** A profile named `prod` without guards would be the worse surprise. */
function impliedBy(profile: string): Environment {
  if (/^(prod|production|live)\b/i.test(profile)) return 'production';
  return /^stag/i.test(profile) ? 'staging' : 'development';
}

const EXAMPLES: Readonly<Record<string, string>> = {
  files: '{ path: /srv/app/storage }',
  repositories: '{ local: { path: /var/backups/potctl } }',
};

/** A line without a value becomes a comment with an example. */
function filled(line: string, values: ReadonlyMap<string, string | null>): string {
  const key = /@(\w+)@/.exec(line)?.[1];
  if (key === undefined) return line;
  const value = values.get(key);
  if (typeof value === 'string') return line.replace(`@${key}@`, () => value);
  return line.replace(/^ +/, (spaces) => `${spaces}# `).replace(`@${key}@`, EXAMPLES[key]!);
}

/** JSON is valid YAML; spaces inside the braces match the style of the file. */
const flow = (value: object): string =>
  JSON.stringify(value, null, 1)
    .replace(/\n */g, ' ')
    .replace(/"(\w+)":/g, '$1:');

/**
 * Writes a new file with mode 0600, and its folder. Never touches an existing file.
 *
 * @throws E_REFUSED if the file exists, E_FILES_DENIED, E_NO_SPACE, E_IO
 */
export async function writeConfiguration({ file, text }: NewConfiguration): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw fromErrno(error, `write the configuration '${file}'`);
    throw new PotctlError('E_REFUSED', `the configuration file '${file}' already exists`, {
      why: 'potctl never changes a configuration file',
      fix: [
        advice`Show its values: ${potctl('config', 'show', '--origin')}`,
        advice`Or write another file: ${again('--config', 'FILE')}`,
      ],
    });
  }
}
