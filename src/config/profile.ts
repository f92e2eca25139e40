import { closest } from '../kernel/closest.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, again, potctl } from '../kernel/next.js';
import { configPlaces, type FoundFile, findConfigFile } from './discover.js';
import type { ParsedConfig } from './parse.js';
import { asError } from './problems.js';
import type { SettingsRequest } from './request.js';
import type { Profile } from './schema.js';

/** The profile that a command uses. Without a configuration file it is empty and has no name. */
export interface ChosenProfile {
  readonly name: string | null;
  /** What chose it, e.g. `flag --profile`. */
  readonly from: string;
  readonly onCommandLine: boolean;
  readonly values: Profile;
  /** Keys of this profile whose value is a secret, relative and dotted. */
  readonly secrets: readonly string[];
  /** `file:line` of a key of the profile. */
  where(...key: readonly PropertyKey[]): string;
}

/** The configuration file and its contents. */
export interface Configuration {
  readonly found: FoundFile;
  readonly parsed: ParsedConfig;
}

/** Finds and parses the configuration, including its mistakes; null if there is no file. The YAML parser is loaded only if there is one. */
export async function readConfiguration(request: SettingsRequest): Promise<Configuration | null> {
  const found = await findConfigFile(request);
  if (found === null) return null;
  const { parseConfig } = await import('./parse.js');
  return { found, parsed: parseConfig(found.text, found.file, found.mode) };
}

/**
 * Chooses the profile by -p, POTCTL_PROFILE, then `default_profile`.
 *
 * @throws PotctlError E_CONFIG with every mistake of the file; E_PROFILE_NOT_FOUND
 */
export function chooseProfile(request: SettingsRequest, configuration: Configuration | null): ChosenProfile {
  const document = configuration?.parsed.document;
  if (configuration !== null && !document) throw asError(configuration.parsed.problems);
  const { flags, environment } = request;
  const [name, from] =
    flags.profile !== undefined
      ? [flags.profile, 'flag --profile']
      : environment['POTCTL_PROFILE']
        ? [environment['POTCTL_PROFILE'], 'env POTCTL_PROFILE']
        : [document?.default_profile ?? null, configuration?.parsed.where(['default_profile']) ?? 'default'];
  if (name === null) return noProfile;
  const profiles = document?.profiles ?? {};
  const values = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (values === undefined) throw unknownProfile(request, name, from, Object.keys(profiles), configuration);
  const prefix = `profiles.${name}.`;
  return {
    name,
    from,
    onCommandLine: flags.profile !== undefined,
    values,
    secrets: (configuration?.parsed.secrets ?? [])
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length)),
    where: (...key) => configuration?.parsed.where(['profiles', name, ...key]) ?? 'default',
  };
}

/** The profile if there is no configuration file, or no profile was chosen. */
export const noProfile: ChosenProfile = {
  name: null,
  from: 'default',
  onCommandLine: false,
  values: {},
  secrets: [],
  where: () => 'default',
};

function unknownProfile(
  request: SettingsRequest,
  name: string,
  from: string,
  names: readonly string[],
  configuration: Configuration | null,
): PotctlError {
  const guess = closest(name, names);
  const looked = configPlaces(request).map(({ file }) => file);
  return new PotctlError('E_PROFILE_NOT_FOUND', `there is no profile '${name}'`, {
    why:
      configuration === null
        ? { from, problem: `there is no configuration file; looked for ${looked.join(', ')}` }
        : { from, file: configuration.found.file, profiles: names.length === 0 ? 'none' : names.join(', ') },
    fix: [
      ...(guess === undefined ? [] : [advice`did you mean ${again('-p', guess)}?`]),
      configuration === null
        ? advice`Create a configuration file: ${{ command: ['config', 'init'], scope: { profile: name } }}`
        : advice`List the profiles: ${potctl('config', 'show')}`,
    ],
  });
}
