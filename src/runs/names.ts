import { nameWithSuffix } from '../postgres/identifiers.js';

/** Stands for the run's id in a plan that no run follows. */
export const RUN_ID_TO_COME = '…';

/** The name of a restored database until the swap: `<name>_restore_<run>`, at most 63 bytes, cut at a character boundary. */
export function stagedDatabaseName(name: string, runId: string): string {
  return nameWithSuffix(name, `_restore_${runId}`);
}

/** Mode `new`: the directory that holds the files until they are verified, next to their final one. */
export function stagedTreePath(root: string, runId: string): string {
  return `${root}.potctl-restore-${runId}`;
}

/** The name of the previous database: `<name>_before_<run>`, at most 63 bytes, cut at a character boundary. */
export function keptDatabaseName(name: string, runId: string): string {
  return nameWithSuffix(name, `_before_${runId}`);
}

/** The schema in the live database that holds single tables until they are verified. */
export function stagedSchemaName(runId: string): string {
  return `potctl_restore_${runId}`;
}
