import type { Origins } from './origins.js';
import { withHome } from './paths.js';
import type { ChosenProfile } from './profile.js';
import type { SettingsRequest } from './request.js';
import type { Settings } from './settings.js';

/** What the profile says of second factors, and what it guards. */
export function findMfa(
  { environment, homeDirectory }: SettingsRequest,
  profile: ChosenProfile,
  origins: Origins,
): Pick<Settings, 'mfa' | 'guards'> {
  const { mfa = {}, guards = {} } = profile.values;
  const pick = <T>(group: 'mfa' | 'guards', key: string, value: T | undefined): T | undefined =>
    origins.pick(`${group}.${key}`, { value, from: profile.where(group, key) });
  const keys = Object.entries(mfa.keys ?? {}).map(([id, { file }]) => [id, withHome(file, homeDirectory)] as const);
  for (const [id, file] of keys) origins.add(`mfa.keys.${id}`, file, profile.where('mfa', 'keys', id));
  return {
    mfa: {
      issuer: pick('mfa', 'issuer', mfa.issuer) ?? null,
      requiredForAdmin: pick('mfa', 'required_for_admin', mfa.required_for_admin) ?? false,
      codeForm: pick('mfa', 'code_form', mfa.code_form) ?? 'application',
      keys: Object.fromEntries(keys),
      credentialsDirectory: environment['CREDENTIALS_DIRECTORY'] || null,
    },
    guards: {
      protected: pick('guards', 'protected', guards.protected) ?? [],
      ticket: pick('guards', 'ticket', guards.ticket) ?? null,
    },
  };
}
