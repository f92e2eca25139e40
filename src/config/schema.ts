import * as z from 'zod';
import { displayNameProblem } from '../kernel/display-name.js';
import { DURATION } from '../kernel/duration.js';
import { APPLICATION_NAMES } from './application-names.js';

const text = (description: string) => z.string().min(1).describe(description);
/** Absolute, or below the home directory: a relative path would mean a different location in a cron job. */
const file = (description: string) =>
  z
    .string()
    .regex(/^(\/|~\/|~$)/, 'must be an absolute path, or start with ~/')
    .describe(description);
const duration = (description: string) =>
  z.string().min(2).regex(DURATION, 'must be a duration such as 72h, 7d or 1d12h').describe(description);
const count = (description: string) => z.int().min(0).max(100_000).describe(description);
const url = (schemes: readonly string[], description: string) =>
  z
    .string()
    .regex(
      new RegExp(`^(${schemes.join('|')})://[^\\s]+$`),
      `must be a URL (${schemes.map((s) => `${s}://…`).join(', ')})`,
    )
    .describe(description);
const web = (description: string) => url(['https', 'http'], description);
const name = /^[A-Za-z][A-Za-z0-9._-]*$/;
const profileName = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

const database = z.strictObject({
  service: text('a service of pg_service.conf').optional(),
  host: text('host name, address, or directory of the Unix socket').optional(),
  hostaddr: text('IP address, to skip the DNS lookup').optional(),
  port: z.int().min(1).max(65_535).optional(),
  name: text('name of the database (dbname of libpq)').optional(),
  user: text('the role').optional(),
  url: url(['postgres', 'postgresql'], 'everything as one URL, instead of host, port, name and user').optional(),
  sslmode: z.enum(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']).optional(),
  sslrootcert: z
    .string()
    .regex(/^(\/|~\/|system$)/, 'must be an absolute path, or system')
    .optional(),
  sslcert: file('client certificate').optional(),
  sslkey: file('key of the client certificate').optional(),
  options: text('command-line options for the server session').optional(),
  connect_timeout: z.int().min(0).max(3_600).describe('seconds; 0 waits forever').optional(),
  passfile: file('a .pgpass file').optional(),
  password_file: file('a file whose first line is the password').optional(),
  password_command: z
    .union([z.string().min(1), z.array(z.string()).min(1)])
    .describe('a program that prints the password; run without a shell')
    .optional(),
  expect: z
    .strictObject({
      system_identifier: z
        .string()
        .regex(/^\d{1,20}$/, 'must be the digits that `select system_identifier from pg_control_system()` returns')
        .optional(),
    })
    .describe('the expected server; any other one is refused')
    .optional(),
});

const applicationName = z.enum(['auto', ...APPLICATION_NAMES]);

const repository = z.strictObject({
  path: file('directory').optional(),
  s3: z
    .strictObject({
      bucket: text('bucket'),
      prefix: z.string().optional(),
      endpoint: web('for S3 servers other than Amazon').optional(),
      region: text('region').optional(),
      path_style: z.boolean().optional(),
    })
    .optional(),
});

const target = z.strictObject({
  url: web('a secret: anyone who knows it can post').optional(),
  url_file: file('a file whose first line is the URL').optional(),
});

const profile = z.strictObject({
  environment: z.enum(['production', 'staging', 'development']).describe('colors, guards, confirmations').optional(),
  database: database.optional(),
  application: z
    .union([
      applicationName,
      z.strictObject({ name: applicationName.optional(), schema: text('schema of its tables').optional() }),
    ])
    .describe(
      'the application whose tables are in the database; with name and schema if several schemas have such tables',
    )
    .optional(),
  files: z
    .strictObject({
      path: file('the files directory'),
      engine: z.enum(['archive', 'incremental']).optional(),
      exclude: z.array(text('a glob relative to the files directory')).optional(),
    })
    .optional(),
  references: text(
    'SQL whose first column is a file path relative to the files directory. It runs as the role of the backup, read-only, in its snapshot. Qualify names with their schema (public.projects): unqualified names use the search_path of the role, and anyone who may create objects in one of those schemas could have functions run as that role',
  ).optional(),
  repositories: z
    .record(z.string().regex(name, 'must start with a letter, followed by letters, digits, . _ or -'), repository)
    .describe('where backups are stored; the first one is the default')
    .optional(),
  encryption: z
    .strictObject({
      recipients: z
        .array(z.string().regex(/^age1[0-9a-z]{10,}$/, 'must be a public key, age1…'))
        .min(1)
        .optional(),
      identity_file: file('private key; only on hosts that restore backups').optional(),
    })
    .optional(),
  retention: z
    .strictObject({
      last: count('number of newest backups to keep').optional(),
      within: duration('keep everything newer than this').optional(),
      daily: count('number of days to keep one backup for').optional(),
      weekly: count('number of weeks to keep one backup for').optional(),
      monthly: count('number of months to keep one backup for').optional(),
      yearly: count('number of years to keep one backup for').optional(),
      timezone: z
        .string()
        .refine(isZone, 'must be UTC or a zone such as Europe/Lisbon')
        .describe('time zone for days, weeks, months and years; default UTC')
        .optional(),
    })
    .optional(),
  restore: z
    .strictObject({
      keep_old: duration('how long the previous database and files are kept').optional(),
      stop_writers: text('command to run before the swap').optional(),
      start_writers: text('command to run after the swap').optional(),
    })
    .optional(),
  mfa: z
    .strictObject({
      issuer: text('name shown in authenticator apps')
        .refine((issuer) => displayNameProblem(issuer) === null, {
          error: ({ input }) => displayNameProblem(String(input)) ?? '',
        })
        .optional(),
      required_for_admin: z.boolean().optional(),
      code_form: z.enum(['application', 'login']).describe('form of new backup codes').optional(),
      keys: z
        .record(z.string().regex(profileName, 'must be a key id'), z.strictObject({ file: file('the key') }))
        .optional(),
    })
    .optional(),
  guards: z
    .strictObject({
      protected: z
        .array(z.string().regex(/^[a-z]+(\.[a-z-]+)?$/, 'must be a command such as restore or mfa.disable'))
        .optional(),
      reason: z.enum(['required', 'optional']).optional(),
      ticket: z.string().refine(isPattern, 'must be a regular expression').optional(),
    })
    .optional(),
  probes: z
    .strictObject({
      http: z.array(z.strictObject({ name: text('name'), url: web('URL') })).optional(),
      prometheus: web('URL').optional(),
      alertmanager: web('URL').optional(),
      redis: url(['redis', 'rediss'], 'URL').optional(),
      logs: z.array(file('log files, a glob')).optional(),
      tls: z.array(z.string().regex(/^[^\s:]+:\d{1,5}$/, 'must be host:port')).optional(),
    })
    .optional(),
  notify: z
    .strictObject({
      ping: target.optional(),
      slack: target.optional(),
      webhook: target.optional(),
      email: z
        .strictObject({
          to: z.array(z.string().regex(/^[^\s@]+@[^\s@]+$/, 'must be an email address')).min(1),
          from: text('sender').optional(),
          smtp: url(['smtp', 'smtps'], 'server').optional(),
        })
        .optional(),
    })
    .optional(),
});

/** The schema of the configuration file. The JSON Schema is derived from it, so that editors and potctl agree. */
export const configSchema = z.strictObject({
  default_profile: z
    .string()
    .regex(profileName, 'must be the name of a profile')
    .describe('used without -p; never by destructive commands on production')
    .optional(),
  profiles: z
    .record(z.string().regex(profileName, 'must be letters, digits, . _ or -'), profile)
    .describe('one per target environment')
    .optional(),
});

/** A configuration file that passed the check. */
export type ConfigFile = z.output<typeof configSchema>;
/** One target environment as written in the file. */
export type Profile = z.output<typeof profile>;

/** The JSON Schema (draft 2020-12) of the configuration file, for editors. */
export function configJsonSchema(): Record<string, unknown> {
  return { title: 'potctl configuration', ...z.toJSONSchema(configSchema, { io: 'input' }) };
}

function isZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}
