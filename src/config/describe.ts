import { redact } from '../kernel/secret.js';
import { settingsOf } from './load.js';
import { type Origin, printable } from './origins.js';
import { type ChosenProfile, chooseProfile, readConfiguration } from './profile.js';
import type { SettingsRequest } from './request.js';

/** The values in force, for `config show`. For a secret only the fact that it is set. */
export interface ConfigurationView {
  /** The configuration file; null if there is none. */
  readonly file: string | null;
  readonly profile: string | null;
  /** All names, in the order of the file. */
  readonly profiles: readonly string[];
  readonly values: readonly Origin[];
  readonly warnings: readonly string[];
}

/**
 * Lists every value with its origin: those that commands use first, then the remaining ones of the profile.
 *
 * @throws PotctlError like loadSettings
 */
export async function describeConfiguration(request: SettingsRequest): Promise<ConfigurationView> {
  const configuration = await readConfiguration(request);
  const profile = chooseProfile(request, configuration);
  const settings = await settingsOf(request, profile);
  const known = new Set(settings.origins.map(({ key }) => key));
  const further = profileValues(profile).filter(({ key }) => !known.has(key) && !isShownOtherwise(key));
  return {
    file: configuration?.found.file ?? null,
    profile: profile.name,
    profiles: Object.keys(configuration?.parsed.document?.profiles ?? {}),
    values: [...settings.origins, ...further].map((origin) => (isName(origin.key) ? origin : cleaned(origin))),
    warnings: settings.warnings ?? [],
  };
}

const cleaned = (origin: Origin): Origin => ({ ...origin, value: redact(origin.value) });
/** A password `postgres` is common on a laptop; it must not redact the role with the same name. */
const isName = (key: string): boolean => /^database\.(host|hostaddr|name|user|service)$/.test(key);

function profileValues(profile: ChosenProfile): Origin[] {
  const list: Origin[] = [];
  const walk = (value: unknown, key: readonly string[]): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [name, inner] of Object.entries(value)) walk(inner, [...key, name]);
      return;
    }
    if (value === undefined) return;
    const dotted = key.join('.');
    const from = profile.where(...key);
    const secret = profile.secrets.some((one) => one === dotted || one.startsWith(`${dotted}.`));
    list.push({ key: dotted, value: secret ? `set (${from})` : printable(value), from });
  };
  walk(profile.values, []);
  return list;
}

/** Keys whose effect is already shown by another line. */
const isShownOtherwise = (key: string): boolean => key.startsWith('repositories.') || key === 'database.url';
