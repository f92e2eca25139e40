import { closest } from '../kernel/closest.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, again } from '../kernel/next.js';
import type { Origins } from './origins.js';
import { absolutePath, withHome } from './paths.js';
import type { ChosenProfile } from './profile.js';
import type { SettingsRequest } from './request.js';
import type { RepositorySettings } from './settings.js';

/**
 * The repositories of the profile in order; the one named by --repository or POTCTL_REPOSITORY comes first.
 *
 * @throws PotctlError E_CONFIG if a name is neither a key in the profile nor a path
 */
export function findRepositories(
  request: SettingsRequest,
  profile: ChosenProfile,
  origins: Origins,
): RepositorySettings[] {
  const { flags, environment, homeDirectory } = request;
  const known = Object.entries(profile.values.repositories ?? {}).map(([name, { path, s3 }]): RepositorySettings => {
    if (s3 === undefined) return { name, path: withHome(path ?? '', homeDirectory) };
    const { bucket, prefix = '', endpoint = null, region = null, path_style: pathStyle = false } = s3;
    return { name, s3: { bucket, prefix: trimSlashes(prefix), endpoint, region, pathStyle } };
  });
  const typed = flags.repository ?? (environment['POTCTL_REPOSITORY'] || undefined);
  const from = flags.repository === undefined ? 'env POTCTL_REPOSITORY' : 'flag --repository';
  const chosen = typed === undefined ? undefined : named(typed, from, known, request);
  const ordered = chosen === undefined ? known : [chosen, ...known.filter(({ name }) => name !== chosen.name)];
  for (const repository of ordered)
    origins.add(
      `repositories.${repository.name}`,
      printRepository(repository),
      repository === chosen ? from : profile.where('repositories', repository.name),
    );
  return ordered;
}

/** A repository for people: its directory, or `s3://bucket/prefix`. */
export function printRepository({ path, s3 }: RepositorySettings): string {
  if (s3 === undefined) return path;
  return `s3://${s3.bucket}${s3.prefix === '' ? '' : `/${s3.prefix}`}${s3.endpoint === null ? '' : ` at ${s3.endpoint}`}`;
}

function named(
  typed: string,
  from: string,
  known: readonly RepositorySettings[],
  request: SettingsRequest,
): RepositorySettings {
  const key = known.find(({ name }) => name === typed);
  if (key !== undefined) return key;
  if (typed === '') throw new PotctlError('E_CONFIG', 'the repository is empty', { why: { from } });
  const bucket = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(typed);
  if (bucket !== null)
    return {
      name: typed,
      s3: {
        bucket: bucket[1] ?? '',
        prefix: trimSlashes(bucket[2] ?? ''),
        endpoint: null,
        region: null,
        pathStyle: false,
      },
    };
  if (/^[a-z0-9+]+:\/\//i.test(typed))
    throw new PotctlError('E_CONFIG', `'${typed.replace(/:.*/s, '')}' repositories are not supported`, {
      why: { from },
      fix: ['Use a directory.'],
    });
  // If named repositories exist, a bare word is more likely a typo than a directory, and a typo would create a new, empty repository.
  if (known.length > 0 && !/[/.~]/.test(typed)) throw unknownName(typed, from, known);
  return { name: typed, path: absolutePath(typed, request) };
}

function unknownName(typed: string, from: string, known: readonly RepositorySettings[]): PotctlError {
  const names = known.map(({ name }) => name);
  const guess = closest(typed, names);
  return new PotctlError('E_CONFIG', `the profile has no repository '${typed}'`, {
    why: { from, repositories: names.join(', ') },
    fix: [
      ...(guess === undefined ? [] : [advice`did you mean ${again('--repository', guess)}?`]),
      advice`for a directory with that name, use ${again('--repository', `./${typed}`)}`,
    ],
  });
}

const trimSlashes = (text: string): string => text.replace(/^\/+|\/+$/g, '');
