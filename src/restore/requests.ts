import { fromHere } from '../config/paths.js';
import type { Settings } from '../config/settings.js';
import type { Host } from '../host/host.js';
import { PotctlError } from '../kernel/errors.js';
import { cutToBytes, NAME_MAX_BYTES } from '../postgres/identifiers.js';
import { refuseUnknownNames } from '../runs/accept.js';
import type { Asked, RestoreRequest } from './deps.js';
import type { UndoRequest } from './plan/prepare-undo.js';

/** Who runs it, and where: what neither settings nor options know. */
export type Runner = Pick<Host, 'who' | 'settings' | 'processors' | 'waitMs'>;

/** What a person may say about one restore, beyond the profile. What is absent has the default of the command line. */
export interface RestoreOptions {
  /** An id, a unique part of it, `latest`, `latest~1`. */
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
  /** Blockers and failed checks that were accepted, each by the name that the refusal gives it. */
  readonly accept?: readonly string[];
  /** Shell lines; default: those of the profile. */
  readonly stopWriters?: string | undefined;
  readonly startWriters?: string | undefined;
  /** How long what was replaced is kept, in ms; default: as the profile says. */
  readonly keepOld?: number | undefined;
}

/** What a person may say about an undo. */
export type UndoOptions = Pick<RestoreOptions, 'accept' | 'stopWriters' | 'startWriters' | 'keepOld'> & {
  /** An id or a unique beginning of one; default: the newest run that can be undone. */
  readonly run?: string | undefined;
};

/**
 * Makes the request for a restore from settings and options. Pure.
 *
 * @throws E_USAGE for contradictions
 */
export function restoreRequest(settings: Settings, options: RestoreOptions, runner: Runner): RestoreRequest {
  refuseContradictions(options);
  const { only = null, mode = 'swap', into = null, intoFiles, jobs = runner.processors } = options;
  return {
    ...asked(settings, options, runner),
    // Beside the live data nobody is in the way.
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

/** Makes the request for an undo from settings and options. Pure. @throws E_USAGE */
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
    throw new PotctlError('E_USAGE', "'--into' and '--into-files' belong to '--mode new'");
  }
  if (mode === 'new' && only !== 'files' && into === undefined) {
    throw new PotctlError('E_USAGE', "'--mode new' wants the name of the new database: '--into NAME'");
  }
  if (mode === 'new' && only === 'files' && intoFiles === undefined) {
    throw new PotctlError('E_USAGE', "'--mode new --only files' wants the new directory: '--into-files DIR'");
  }
  if (mode === 'new' && (stopWriters !== undefined || safetyBackup)) {
    const name = safetyBackup ? '--safety-backup' : '--stop-writers';
    throw new PotctlError('E_USAGE', `'${name}' belongs to '--mode swap': '--mode new' touches nothing live`);
  }
  if (into !== undefined && (into === '' || into.includes('\0') || cutToBytes(into, NAME_MAX_BYTES) !== into)) {
    throw new PotctlError('E_USAGE', `'--into' wants a name of 1 to ${NAME_MAX_BYTES} bytes`);
  }
}
