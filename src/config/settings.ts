import { parseDuration } from '../kernel/duration.js';
import { PotctlError } from '../kernel/errors.js';
import { Secret } from '../kernel/secret.js';
import type { ConnectionSettings } from './libpq/settings.js';
import type { Origin, Origins } from './origins.js';
import { withHome } from './paths.js';
import type { ChosenProfile } from './profile.js';
import type { SettingsRequest } from './request.js';
import type { Refusals } from './unsupported.js';

export type Environment = 'production' | 'staging' | 'development';

/** The settings of a command: flags > POTCTL_* > profile > defaults, each value with its origin. Times in ms, sizes in bytes. */
export interface Settings {
  readonly profile: {
    readonly name: string | null;
    readonly environment: Environment | null;
    /** Whether -p was given on the command line; destructive commands on production require it. */
    readonly onCommandLine: boolean;
  };
  readonly connection: ConnectionSettings;
  readonly expect: { readonly systemIdentifier: string | null };
  readonly application: {
    /** `auto`: the one whose tables exist. */
    readonly name: string;
    /** The schema of its tables; null = found by search. */
    readonly schema: string | null;
  };
  readonly files: {
    readonly path: string;
    readonly engine: 'archive' | 'incremental';
    readonly excludes: readonly string[];
  } | null;
  /** SQL whose first column is a file path relative to the files directory. */
  readonly references: string | null;
  /** In the order of the profile; the one of --repository comes first. */
  readonly repositories: readonly RepositorySettings[];
  readonly restore: {
    readonly keepOldMs: number;
    readonly stopWriters: string | null;
    readonly startWriters: string | null;
  };
  readonly retention: {
    /** null if the profile has no rules, or only rules of 0. */
    readonly rules: KeepRules | null;
    /** The time zone for days, weeks, months and years; a name known to Intl. */
    readonly zone: string;
    /** Whether the profile requires an approval, a reason or a ticket for it, which this version does not support. */
    readonly guarded: boolean;
  };
  readonly mfa: {
    /** The name shown in authenticator apps; null = the application's own. */
    readonly issuer: string | null;
    readonly requiredForAdmin: boolean;
    readonly codeForm: 'application' | 'login';
    /** Key files by key id. */
    readonly keys: Readonly<Record<string, string>>;
    /** systemd's directory of credentials, where keys may also be. */
    readonly credentialsDirectory: string | null;
  };
  readonly guards: {
    /** Commands such as `mfa.disable` that require --break-glass. */
    readonly protected: readonly string[];
    /** A regular expression that a ticket must match; null = no ticket is required. */
    readonly ticket: string | null;
  };
  readonly notify: {
    /** null if the profile names no mail server. */
    readonly email: MailSettings | null;
  };
  /** What the profile protects, and what it asks for that is not supported. */
  readonly refusals: Refusals;
  readonly origins: readonly Origin[];
  /** The configuration file in use and its permission bits; null if there is none. */
  readonly configFile?: { readonly path: string; readonly mode: number } | null;
  /** Warnings that do not stop the command; one line each, for stderr. */
  readonly warnings?: readonly string[];
}

/** The mail server and the addresses of a mail. */
export interface MailSettings {
  /** `smtp://…` or `smtps://…`; may contain a password. */
  readonly smtp: Secret;
  /** For people: the server without user and password. */
  readonly server: string;
  readonly from: string;
  /** Who receives replies. */
  readonly replyTo: readonly string[];
}

/** How many backups of each kind are kept; 0 = the rule is off. */
export interface KeepRules {
  /** The newest backups. */
  readonly last: number;
  /** Everything newer than this, in ms. */
  readonly withinMs: number;
  /** The newest backup of each of that many days, weeks, months, years. */
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
  readonly yearly: number;
}

/** A directory, or an S3 bucket, which this version cannot use yet. */
export type RepositorySettings =
  | { readonly name: string; readonly path: string; readonly s3?: undefined }
  | { readonly name: string; readonly path?: undefined; readonly s3: S3Settings };

export interface S3Settings {
  readonly bucket: string;
  /** Without leading and trailing slashes; empty = the whole bucket. */
  readonly prefix: string;
  readonly endpoint: string | null;
  readonly region: string | null;
  readonly pathStyle: boolean;
}

/**
 * The mail server of the profile: `notify.email`.
 *
 * @throws E_CONFIG if `smtp` is not a URL
 */
export function findNotify(profile: ChosenProfile, origins: Origins): Settings['notify'] {
  const { smtp, from, to = [] } = profile.values.notify?.email ?? {};
  if (smtp === undefined) return { email: null };
  const where = (key: string): string => profile.where('notify', 'email', key);
  if (!URL.canParse(smtp)) {
    throw new PotctlError('E_CONFIG', '`notify.email.smtp` is not a URL', {
      why: { from: where('smtp') },
      fix: [
        'For example `smtps://user:password@mail.example.com`; write special characters in the password percent-encoded, e.g. @ as %40.',
      ],
    });
  }
  const url = new URL(smtp);
  const server = `${url.protocol}//${url.host}`;
  rememberPassword(url.password, where('smtp'));
  origins.pick('notify.email.smtp', { value: smtp, from: where('smtp'), shown: server });
  const sender = origins.pick(
    'notify.email.from',
    { value: from, from: where('from') },
    { value: to[0], from: where('to') },
  );
  return { email: { smtp: new Secret(smtp), server, from: sender ?? 'potctl', replyTo: to } };
}

/** Registers the password for redaction, in both spellings. @throws E_CONFIG */
function rememberPassword(written: string, from: string): void {
  try {
    for (const spelling of [written, decodeURIComponent(written)]) new Secret(spelling);
  } catch {
    throw new PotctlError('E_CONFIG', 'the password in `notify.email.smtp` is not percent-encoded correctly', {
      why: { from },
      fix: ['Write % in the password as %25, and @ as %40.'],
    });
  }
}

/** The profile's settings for second factors, and its guards. */
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

/** The profile's retention settings. Rules of 0 keep nothing; if all are 0, there is no policy. */
export function findRetention(profile: ChosenProfile, origins: Origins): Settings['retention'] {
  const { retention = {}, guards } = profile.values;
  const pick = <T>(key: keyof typeof retention, value: T | undefined): T | undefined =>
    origins.pick(`retention.${key}`, { value, from: profile.where('retention', key) });
  const rules = {
    last: pick('last', retention.last) ?? 0,
    withinMs: parseDuration(pick('within', retention.within) ?? '0s') ?? 0,
    daily: pick('daily', retention.daily) ?? 0,
    weekly: pick('weekly', retention.weekly) ?? 0,
    monthly: pick('monthly', retention.monthly) ?? 0,
    yearly: pick('yearly', retention.yearly) ?? 0,
  };
  const keepsNothing = Object.values(rules).every((value) => value === 0);
  const guarded =
    guards?.protected?.includes('prune') === true || guards?.reason === 'required' || guards?.ticket !== undefined;
  return { rules: keepsNothing ? null : rules, zone: pick('timezone', retention.timezone) ?? 'UTC', guarded };
}
