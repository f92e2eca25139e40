import { fromHere } from '../config/paths.js';
import type { Settings } from '../config/settings.js';
import type { Host } from '../host/host.js';
import { PotctlError } from '../kernel/errors.js';
import { cutToBytes, NAME_MAX_BYTES } from '../postgres/identifiers.js';
import { refuseUnknownNames } from '../runs/accept.js';
import type { Asked, RestoreRequest } from './deps.js';
import type { UndoRequest } from './plan/prepare-undo.js';

/** Who runs it, and where: what is in neither settings nor options. */
export type Runner = Pick<Host, 'who' | 'settings' | 'processors' | 'waitMs'>;

/** The options of one restore, in addition to the profile. Absent options have the defaults of the command line. */
export interface RestoreOptions {
  /** An id, a unique part of one, `latest`, `latest~1`. */
  readonly id: string;
  readonly fromSet?: string | undefined;
  readonly only?: 'db' | 'files' | undefined;
  /** Default `swap`. */
  readonly mode?: 'swap' | 'new' | undefined;
  /** The new database of mode `new`. */
  readonly into?: string | undefined;
  /** The new directory of mode `new`; may be relative. */
  readonly intoFiles?: string | undefined;
  readonly jobs?: number | undefined;
  readonly createRoles?: boolean;
  readonly continuePastErrors?: boolean;
  readonly safetyBackup?: boolean;
  /** Blockers and failed checks that were accepted, each by the name printed with it. */
  readonly accept?: readonly string[];
  /** Shell commands; default: those of the profile. */
  readonly stopWriters?: string | undefined;
  readonly startWriters?: string | undefined;
  /** How long the previous data is kept, in ms; default: as in the profile. */
  readonly keepOld?: number | undefined;
}

/** The options of an undo. */
export type UndoOptions = Pick<RestoreOptions, 'accept' | 'stopWriters' | 'startWriters' | 'keepOld'> & {
  /** An id or a unique prefix of one; default: the newest run that can be undone. */
  readonly run?: string | undefined;
};

/**
 * Builds the request for a restore from settings and options. Pure.
 *
 * @throws E_USAGE for contradictory options
 */
export function restoreRequest(settings: Settings, options: RestoreOptions, runner: Runner): RestoreRequest {
  refuseContradictions(options);
  const { only = null, mode = 'swap', into = null, intoFiles, jobs = runner.processors } = options;
  return {
    ...asked(settings, options, runner),
    // Next to the live data, writers do not have to stop.
    ...(mode === 'new' ? { stopWriters: null } : {}),
    reference: options.id,
    fromSet: options.fromSet ?? null,
    only,
    mode,
    into,
    intoFiles: intoFiles === undefined ? null : fromHere(intoFiles, runner.settings),
    files: only === 'db' ? null : settings.files,
    jobs,
    createRoles: options.createRoles ?? false,
    continuePastErrors: options.continuePastErrors ?? false,
    safetyBackup: options.safetyBackup ?? false,
  };
}

/** Builds the request for an undo from settings and options. Pure. @throws E_USAGE */
export function undoRequest(settings: Settings, options: UndoOptions, runner: Runner): UndoRequest {
  return {
    ...asked(settings, options, runner),
    run: options.run ?? null,
    filesPath: settings.files?.path ?? null,
  };
}

function asked(settings: Settings, options: Omit<UndoOptions, 'run'>, runner: Runner): Asked {
  const { accept = [] } = options;
  refuseUnknownNames(accept);
  const { runId, traceId, operator, hostname } = runner.who;
  const { restore, profile, expect, connection } = settings;
  return {
    ...{ runId, traceId, operator, hostname, waitMs: runner.waitMs, profile },
    database: connection.database,
    expectedSystemIdentifier: expect.systemIdentifier,
    stopWriters: options.stopWriters ?? restore.stopWriters,
    startWriters: options.startWriters ?? restore.startWriters,
    keepOldMs: options.keepOld ?? restore.keepOldMs,
    accept,
  };
}

function refuseContradictions({
  mode = 'swap',
  into,
  intoFiles,
  only,
  stopWriters,
  safetyBackup = false,
}: RestoreOptions): void {
  if (mode === 'swap' && (into !== undefined || intoFiles !== undefined)) {
    throw new PotctlError('E_USAGE', "'--into' and '--into-files' require '--mode new'");
  }
  if (mode === 'new' && only !== 'files' && into === undefined) {
    throw new PotctlError('E_USAGE', "'--mode new' requires the name of the new database: '--into NAME'");
  }
  if (mode === 'new' && only === 'files' && intoFiles === undefined) {
    throw new PotctlError('E_USAGE', "'--mode new --only files' requires the new directory: '--into-files DIR'");
  }
  if (mode === 'new' && (stopWriters !== undefined || safetyBackup)) {
    const name = safetyBackup ? '--safety-backup' : '--stop-writers';
    throw new PotctlError('E_USAGE', `'${name}' requires '--mode swap': '--mode new' does not change live data`);
  }
  if (into !== undefined && (into === '' || into.includes('\0') || cutToBytes(into, NAME_MAX_BYTES) !== into)) {
    throw new PotctlError('E_USAGE', `'--into' requires a name of 1 to ${NAME_MAX_BYTES} bytes`);
  }
}
