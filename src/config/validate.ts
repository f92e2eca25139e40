import { PotctlError } from '../kernel/errors.js';
import { settingsOf } from './load.js';
import type { Problem } from './problems.js';
import { type Configuration, chooseProfile, readConfiguration } from './profile.js';
import type { SettingsRequest } from './request.js';

/** The result of `config validate`. */
export interface Validation {
  /** The file that was checked; null if there is none: then only the environment was checked. */
  readonly file: string | null;
  /** Profiles that were resolved, including service and libpq files. */
  readonly profiles: readonly string[];
  readonly problems: readonly Problem[];
}

/**
 * Finds every mistake: in the file, and, if it can be parsed, in what each profile refers to (services, URLs, variables). Makes no
 * connection and runs no program.
 *
 * @throws PotctlError E_CONFIG if a named file cannot be used at all, E_PROFILE_NOT_FOUND
 */
export async function validateConfiguration(request: SettingsRequest): Promise<Validation> {
  const configuration = await readConfiguration(request);
  const file = configuration?.found.file ?? null;
  if (configuration !== null && configuration.parsed.problems.length > 0)
    return { file, profiles: [], problems: configuration.parsed.problems };
  const names = Object.keys(configuration?.parsed.document?.profiles ?? {});
  const wanted: (string | undefined)[] = request.flags.profile === undefined ? [...names] : [request.flags.profile];
  const problems: Problem[] = [];
  for (const profile of wanted.length === 0 ? [undefined] : wanted)
    problems.push(...(await problemsOf(request, configuration, profile)));
  return { file, profiles: wanted.filter((name) => name !== undefined), problems };
}

async function problemsOf(
  request: SettingsRequest,
  configuration: Configuration | null,
  name: string | undefined,
): Promise<Problem[]> {
  const flags = name === undefined ? request.flags : { ...request.flags, profile: name };
  const profile = chooseProfile({ ...request, flags }, configuration);
  try {
    await settingsOf({ ...request, flags }, profile);
    return [];
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    return [asProblem(error, profile.where(), profile.name)];
  }
}

function asProblem(error: PotctlError, profileAt: string, profile: string | null): Problem {
  const why = typeof error.why === 'object' ? error.why : { problem: error.why };
  const from = typeof why['from'] === 'string' ? why['from'] : profileAt;
  const place = /^(.*):(\d+)$/.exec(from);
  const details = Object.entries(why).filter(([key, value]) => key !== 'from' && value !== undefined);
  return {
    file: place?.[1] ?? from,
    line: Number(place?.[2] ?? 0),
    column: 0,
    key: profile === null ? '' : `profiles.${profile}`,
    problem: [error.message, ...details.map(([key, value]) => `${key}: ${String(value)}`)].join('; '),
    suggestion: error.fix.find((one) => typeof one === 'string') ?? null,
  };
}
