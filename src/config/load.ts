import { parseDuration } from '../kernel/duration.js';
import { PotctlError } from '../kernel/errors.js';
import { findConnection } from './connection.js';
import { collectOrigins, type Origins } from './origins.js';
import { absolutePath, withHome } from './paths.js';
import { type ChosenProfile, chooseProfile, readConfiguration } from './profile.js';
import { findRepositories } from './repositories.js';
import type { SettingsRequest } from './request.js';
import { findMfa, findNotify, findRetention, type Settings } from './settings.js';
import { findRefusals } from './unsupported.js';

/**
 * Resolves all settings of a command: flag > POTCTL_* > profile > default, each value with its origin. Makes no connection and runs no
 * program; a password that needs a command or a prompt is fetched when the server asks for it.
 *
 * @throws PotctlError E_CONFIG with every mistake in the file, or with the variable or libpq file at fault; E_PROFILE_NOT_FOUND;
 * E_FILES_DENIED if the configuration is not readable
 */
export async function loadSettings(request: SettingsRequest): Promise<Settings> {
  const configuration = await readConfiguration(request);
  const settings = await settingsOf(request, chooseProfile(request, configuration));
  const found = configuration?.found;
  return { ...settings, configFile: found === undefined ? null : { path: found.file, mode: found.mode } };
}

/** The settings of a profile that has already been chosen. @throws PotctlError E_CONFIG */
export async function settingsOf(request: SettingsRequest, profile: ChosenProfile): Promise<Settings> {
  const origins = collectOrigins();
  const { values, name, onCommandLine } = profile;
  if (name !== null) origins.add('profile', name, profile.from);
  const environment = origins.pick('environment', { value: values.environment, from: profile.where('environment') });
  const connection = await findConnection(request, profile, origins);
  const expected = origins.pick('database.expect.system_identifier', {
    value: values.database?.expect?.system_identifier,
    from: profile.where('database', 'expect', 'system_identifier'),
  });
  return {
    profile: { name, environment: environment ?? null, onCommandLine },
    connection: connection.settings,
    expect: { systemIdentifier: expected ?? null },
    application: findApplication(profile, origins),
    files: findFiles(request, profile, origins),
    references: origins.pick('references', { value: values.references, from: profile.where('references') }) ?? null,
    repositories: findRepositories(request, profile, origins),
    restore: findRestore(profile, origins),
    retention: findRetention(profile, origins),
    ...findMfa(request, profile, origins),
    notify: findNotify(profile, origins),
    refusals: findRefusals(profile),
    origins: origins.list,
    warnings: connection.warnings,
  };
}

function findApplication(profile: ChosenProfile, origins: Origins): Settings['application'] {
  const given = profile.values.application;
  const { name, schema } = typeof given === 'object' ? given : { name: given, schema: undefined };
  const from = (key: string): string =>
    typeof given === 'object' ? profile.where('application', key) : profile.where('application');
  return {
    name:
      origins.pick(
        typeof given === 'object' ? 'application.name' : 'application',
        { value: name, from: from('name') },
        { value: 'auto' as const, from: 'default' },
      ) ?? 'auto',
    schema: origins.pick('application.schema', { value: schema, from: from('schema') }) ?? null,
  };
}

function findFiles(request: SettingsRequest, profile: ChosenProfile, origins: Origins): Settings['files'] {
  const { flags, environment, homeDirectory } = request;
  const { path, engine, exclude } = profile.values.files ?? {};
  if (flags.files === '')
    throw new PotctlError('E_USAGE', '--files is empty', { why: 'perhaps a shell variable is not set' });
  const typed = (value: string | undefined): string | undefined =>
    value === undefined || value === '' ? undefined : absolutePath(value, request);
  const root = origins.pick(
    'files.path',
    { value: typed(flags.files), from: 'flag --files' },
    { value: typed(environment['POTCTL_FILES']), from: 'env POTCTL_FILES' },
    { value: path === undefined ? undefined : withHome(path, homeDirectory), from: profile.where('files', 'path') },
  );
  if (root === undefined) return null;
  const chosen = origins.pick(
    'files.engine',
    { value: engine, from: profile.where('files', 'engine') },
    { value: 'archive' as const, from: 'default' },
  );
  const excludes = origins.pick('files.exclude', { value: exclude, from: profile.where('files', 'exclude') });
  return { path: root, engine: chosen ?? 'archive', excludes: excludes ?? [] };
}

const KEEP_OLD = '72h';

function findRestore(profile: ChosenProfile, origins: Origins): Settings['restore'] {
  const { keep_old: kept, stop_writers: stop, start_writers: start } = profile.values.restore ?? {};
  const from = (key: string): string => profile.where('restore', key);
  const keepOld = origins.pick(
    'restore.keep_old',
    { value: kept, from: from('keep_old') },
    { value: KEEP_OLD, from: 'default' },
  );
  return {
    keepOldMs: parseDuration(keepOld ?? KEEP_OLD) ?? 0,
    stopWriters: origins.pick('restore.stop_writers', { value: stop, from: from('stop_writers') }) ?? null,
    startWriters: origins.pick('restore.start_writers', { value: start, from: from('start_writers') }) ?? null,
  };
}
