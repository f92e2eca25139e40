import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { isErrno, PotctlError } from '../kernel/errors.js';
import { Secret } from '../kernel/secret.js';
import type { Given, Parameters } from './libpq/keywords.js';
import { defaultSocketDirectory, type ResolvedConnection } from './libpq/parameters.js';
import { lookUpPassword } from './libpq/passfile-lookup.js';
import { readPasswordCommand } from './password-command.js';
import { absolutePath, fromHere, withHome } from './paths.js';
import type { ChosenProfile } from './profile.js';
import type { SettingsRequest } from './request.js';

/** A password, or a way to get it when the server asks for one. */
export interface FoundPassword {
  readonly password: Secret | null;
  /** For people, e.g. `/home/ana/.pgpass line 3`; null if none was found. */
  readonly source: string | null;
  /** What `config show` prints, e.g. `set (file /run/…, 24 bytes, 0600)`. */
  readonly shown: string | null;
  readonly fetch?: () => Promise<Secret>;
  /** Why a source provided no password. */
  readonly notes: readonly string[];
}

/** The input of the search. */
export interface PasswordSearch {
  readonly request: SettingsRequest;
  readonly profile: ChosenProfile;
  /** From flags, profile and URL. */
  readonly explicit: Parameters;
  readonly resolved: ResolvedConnection;
}

/**
 * Finds the password for a connection. First of: --password-file, the profile's password_file, password_command or URL, systemd's
 * credential `potctl.db`, POTCTL_DB_PASSWORD_FILE, the service file, .pgpass, PGPASSWORD, a prompt on the terminal.
 *
 * A source that was named and fails is not skipped: its error appears when the server asks for the password, not before. Commands without a
 * database, and logins without a password, therefore still work.
 */
export async function findPassword(search: PasswordSearch): Promise<FoundPassword> {
  const { request, resolved } = search;
  const fromVariable = request.environment['PGPASSWORD'];
  // From now on it is redacted in all output, whether it is used or not.
  const variable = fromVariable ? new Secret(fromVariable) : null;
  const named = (await inProfile(search)) ?? (await inEnvironment(request));
  if (named !== null) return named;
  const given = resolved.parameters.get('password');
  if (given && given.from !== 'env PGPASSWORD') return standing(given);
  const { notes, ...listed } = await inPassfile(search);
  if (listed.password !== null) return { ...listed, notes };
  if (variable !== null) return { password: variable, source: 'env PGPASSWORD', shown: 'set (env PGPASSWORD)', notes };
  const ask = request.promptPassword;
  const nothing = { password: null, source: null, shown: null, notes };
  return ask === undefined ? nothing : { ...nothing, fetch: once(async () => new Secret(await ask())) };
}

async function inProfile({ request, profile, explicit }: PasswordSearch): Promise<FoundPassword | null> {
  const { flags, homeDirectory } = request;
  const { password_file: file, password_command: command } = profile.values.database ?? {};
  if (flags.passwordFile !== undefined)
    return fromFile(absolutePath(flags.passwordFile, request), 'flag --password-file');
  if (file !== undefined) return fromFile(withHome(file, homeDirectory), profile.where('database', 'password_file'));
  if (command !== undefined) {
    const from = profile.where('database', 'password_command');
    const fetch = once(() => readPasswordCommand(command, from, request));
    return { password: null, source: `password_command (${from})`, shown: 'by password_command', fetch, notes: [] };
  }
  const given = explicit.get('password');
  return given === undefined ? null : standing(given);
}

async function inEnvironment(request: SettingsRequest): Promise<FoundPassword | null> {
  const { environment } = request;
  const directory = environment['CREDENTIALS_DIRECTORY'];
  const credential = directory ? path.join(directory, 'potctl.db') : null;
  if (credential !== null && (await exists(credential))) return fromFile(credential, 'systemd credential potctl.db');
  const named = environment['POTCTL_DB_PASSWORD_FILE'];
  return named ? fromFile(fromHere(named, request), 'env POTCTL_DB_PASSWORD_FILE') : null;
}

async function inPassfile({ request, resolved }: PasswordSearch): Promise<FoundPassword> {
  const { parameters, target } = resolved;
  const given = parameters.get('passfile')?.value;
  const file = fromHere(given ?? path.join(request.homeDirectory, '.pgpass'), request);
  const { port, database, user } = target;
  const answer = await lookUpPassword(file, { host: target.host, port, database, user }, defaultSocketDirectory());
  if (answer.password !== null) {
    const source = `${file} line ${answer.line}`;
    return { password: answer.password, source, shown: `set (${source})`, notes: [] };
  }
  const note = answer.note ?? (given === undefined ? null : `${file} (PGPASSFILE) does not exist`);
  const notes = note === null ? [] : [answer.fix === null ? note : `${note}; ${answer.fix}`];
  return { password: null, source: null, shown: null, notes };
}

const standing = ({ value, from }: Given): FoundPassword => ({
  password: new Secret(value),
  source: from,
  shown: `set (${from})`,
  notes: [],
});

async function fromFile(file: string, from: string): Promise<FoundPassword> {
  const source = `${from}: ${file}`;
  try {
    const { mode } = await stat(file);
    const content = await readFile(file, 'utf8');
    const line = content.split(/\r?\n/, 1)[0] ?? '';
    if (line === '') throw new PotctlError('E_CONFIG', `the password file '${file}' is empty`, { why: { from } });
    const password = new Secret(line);
    const bits = (mode & 0o777).toString(8).padStart(4, '0');
    const notes = (mode & 0o077) === 0 ? [] : [`${file} is readable by others (mode ${bits}); chmod 0600 ${file}`];
    return { password, source, shown: `set (file ${file}, ${Buffer.byteLength(line)} bytes, ${bits})`, notes };
  } catch (error) {
    const failure = asConfigError(error, file, from);
    const fetch = (): Promise<Secret> => Promise.reject(failure);
    return { password: null, source, shown: `cannot be read (file ${file})`, fetch, notes: [failure.message] };
  }
}

function asConfigError(error: unknown, file: string, from: string): PotctlError {
  if (error instanceof PotctlError) return error;
  const problem = error instanceof Error ? error.message : String(error);
  const code = isErrno(error, 'EACCES', 'EPERM') ? 'E_FILES_DENIED' : 'E_CONFIG';
  return new PotctlError(code, `cannot read the password file '${file}'`, {
    why: { problem, from },
    fix: [`write the password on the first line of ${file}, with mode 0600`],
    cause: error,
  });
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    (error: unknown) => !isErrno(error, 'ENOENT', 'ENOTDIR'),
  );
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
