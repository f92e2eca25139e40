import * as z from 'zod';
import { displayNameProblem } from '../kernel/display-name.js';
import { DURATION } from '../kernel/duration.js';
import { APPLICATION_NAMES } from './application-names.js';

const text = (description: string) => z.string().min(1).describe(description);
/** Absolute, or below the home directory: a path that depends on the current directory would name another place from cron. */
const file = (description: string) =>
  z
    .string()
    .regex(/^(\/|~\/|~$)/, 'must be an absolute path, or begin with ~/')
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
  hostaddr: text('IP address, to spare the look-up of the name').optional(),
  port: z.int().min(1).max(65_535).optional(),
  name: text('name of the database (dbname of libpq)').optional(),
  user: text('the role').optional(),
  url: url(['postgres', 'postgresql'], 'all of it as one URL, instead of host, port, name and user').optional(),
  sslmode: z.enum(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']).optional(),
  sslrootcert: z
    .string()
    .regex(/^(\/|~\/|system$)/, 'must be an absolute path, or system')
    .optional(),
  sslcert: file('client certificate').optional(),
  sslkey: file('key of the client certificate').optional(),
  options: text('command-line options for the server session').optional(),
  connect_timeout: z.int().min(0).max(3_600).describe('seconds; 0 waits for ever').optional(),
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
    .describe('what the server must be; another one is refused')
    .optional(),
});

const applicationName = z.enum(['auto', ...APPLICATION_NAMES]);

const repository = z.strictObject({
  path: file('directory').optional(),
  s3: z
    .strictObject({
      bucket: text('bucket'),
      prefix: z.string().optional(),
      endpoint: web('for other servers than Amazon').optional(),
      region: text('region').optional(),
      path_style: z.boolean().optional(),
    })
    .optional(),
});

const target = z.strictObject({
  url: web('a secret: whoever knows it can send').optional(),
  url_file: file('a file whose first line is the URL').optional(),
});

const profile = z.strictObject({
  environment: z.enum(['production', 'staging', 'development']).describe('colours, guards, confirmations').optional(),
  database: database.optional(),
  application: z
    .union([
      applicationName,
      z.strictObject({ name: applicationName.optional(), schema: text('of its tables').optional() }),
    ])
    .describe('whose tables the database has; name and schema where tables of that kind are in several schemas')
    .optional(),
  files: z
    .strictObject({
      path: file('the tree of files'),
      engine: z.enum(['archive', 'incremental']).optional(),
      exclude: z.array(text('a glob relative to the tree')).optional(),
    })
    .optional(),
  references: text(
    'SQL whose first column is a path relative to the tree. It runs as the role of the backup, read-only, in its snapshot; name schemas (public.projects): without them it runs with the search_path of the role, and whoever may create in a schema of it can have functions run as that role',
  ).optional(),
  repositories: z
    .record(z.string().regex(name, 'must begin with a letter; letters, digits, . _ - may follow'), repository)
    .describe('where backups rest; the first one is the default')
    .optional(),
  encryption: z
    .strictObject({
      recipients: z
        .array(z.string().regex(/^age1[0-9a-z]{10,}$/, 'must be a public key, age1…'))
        .min(1)
        .optional(),
      identity_file: file('private key, only where backups are restored').optional(),
    })
    .optional(),
  retention: z
    .strictObject({
      last: count('newest backups').optional(),
      within: duration('everything younger').optional(),
      daily: count('days with a backup').optional(),
      weekly: count('weeks with a backup').optional(),
      monthly: count('months with a backup').optional(),
      yearly: count('years with a backup').optional(),
      timezone: z
        .string()
        .refine(isZone, 'must be UTC or a zone such as Europe/Lisbon')
        .describe('in which days, weeks, months and years are counted; default UTC')
        .optional(),
    })
    .optional(),
  restore: z
    .strictObject({
      keep_old: duration('how long the replaced database and files are kept').optional(),
      stop_writers: text('run before the swap').optional(),
      start_writers: text('run after the swap').optional(),
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
      http: z.array(z.strictObject({ name: text('name'), url: web('address') })).optional(),
      prometheus: web('address').optional(),
      alertmanager: web('address').optional(),
      redis: url(['redis', 'rediss'], 'address').optional(),
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
          to: z.array(z.string().regex(/^[^\s@]+@[^\s@]+$/, 'must be an address')).min(1),
          from: text('sender').optional(),
          smtp: url(['smtp', 'smtps'], 'server').optional(),
        })
        .optional(),
    })
    .optional(),
});

/** The configuration file. Its JSON Schema is made from this, so that an editor and potctl never disagree. */
export const configSchema = z.strictObject({
  default_profile: z
    .string()
    .regex(profileName, 'must be the name of a profile')
    .describe('used without -p; never by severe commands on production')
    .optional(),
  profiles: z
    .record(z.string().regex(profileName, 'must be letters, digits, . _ or -'), profile)
    .describe('one per target environment')
    .optional(),
});

/** A file that passed the check. */
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
