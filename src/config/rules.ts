import { closest } from '../kernel/closest.js';
import type { Finding } from './explain-issue.js';
import type { ConfigFile, Profile } from './schema.js';

/** Mistakes that involve several keys. */
export function furtherProblems(config: ConfigFile): Finding[] {
  const profiles = config.profiles ?? {};
  const names = Object.keys(profiles);
  const found = Object.entries(profiles).flatMap(([name, profile]) => [
    ...databaseProblems(['profiles', name, 'database'], profile.database ?? {}),
    ...placeProblems(['profiles', name], profile),
  ]);
  const chosen = config.default_profile;
  if (chosen !== undefined && !names.includes(chosen)) {
    const guess = closest(chosen, names);
    const suggestion =
      guess === undefined ? `the profiles are: ${names.join(', ') || 'none'}` : `did you mean '${guess}'?`;
    found.push({ key: ['default_profile'], text: `there is no profile '${chosen}'`, suggestion });
  }
  return found;
}

function databaseProblems(key: readonly PropertyKey[], database: NonNullable<Profile['database']>): Finding[] {
  const found: Finding[] = [];
  const { url } = database;
  if (url !== undefined) {
    const doubled = (['service', 'host', 'hostaddr', 'port', 'name', 'user', 'sslmode'] as const).filter(
      (name) => database[name] !== undefined,
    );
    for (const name of doubled)
      found.push({
        key: [...key, name],
        text: `${name} and url cannot both be set`,
        suggestion: 'keep one',
      });
  }
  const sources = [
    ...(url !== undefined && passwordInUrl(url) ? ['url'] : []),
    ...(['password_file', 'password_command'] as const).filter((name) => database[name] !== undefined),
  ];
  for (const name of sources.slice(1))
    found.push({
      key: [...key, name],
      text: `${sources[0]} already provides the password`,
      suggestion: 'keep one source',
    });
  return found;
}

function placeProblems(key: readonly PropertyKey[], profile: Profile): Finding[] {
  const found: Finding[] = [];
  for (const [name, { path, s3 }] of Object.entries(profile.repositories ?? {})) {
    if ((path === undefined) === (s3 === undefined))
      found.push({
        key: [...key, 'repositories', name],
        text: `'${name}' must have either path or s3`,
        suggestion: null,
      });
  }
  for (const [name, target] of Object.entries(profile.notify ?? {})) {
    if (name === 'email' || target === undefined || 'to' in target) continue;
    if ((target.url === undefined) === (target.url_file === undefined))
      found.push({
        key: [...key, 'notify', name],
        text: `'${name}' must have either url or url_file`,
        suggestion: null,
      });
  }
  return found;
}

const passwordInUrl = (text: string): boolean =>
  /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s@]*:[^/?#\s@]+@/i.test(text) || /[?&](password|sslpassword)=[^&]/i.test(text);

/** Keys whose value is a secret in the file itself: a password in a URL, the URL of a webhook, a private key. */
export function findSecrets(value: unknown, key: readonly PropertyKey[] = []): PropertyKey[][] {
  if (typeof value === 'string') return isSecret(value, key) ? [[...key]] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => findSecrets(inner, [...key, name]));
}

function isSecret(text: string, key: readonly PropertyKey[]): boolean {
  const name = key.at(-1);
  if (name === 'password' || name === 'pass') return true;
  if (name === 'url' && key.includes('notify')) return true;
  return passwordInUrl(text) || /AGE-SECRET-KEY-1|-----BEGIN [A-Z ]*PRIVATE KEY/.test(text);
}
