import { nameWithSuffix } from '../postgres/identifiers.js';

/** The name that a restored database has until the swap: `<name>_restore_<run>`, at most 63 bytes, cut at a character boundary. */
export function stagedDatabaseName(name: string, runId: string): string {
  return nameWithSuffix(name, `_restore_${runId}`);
}

/** Mode `new`: the directory in which files are until they are checked, beside the one that they will be. */
export function stagedTreePath(root: string, runId: string): string {
  return `${root}.potctl-restore-${runId}`;
}

/** The name under which the replaced database is kept: `<name>_before_<run>`, at most 63 bytes, cut at a character boundary. */
export function keptDatabaseName(name: string, runId: string): string {
  return nameWithSuffix(name, `_before_${runId}`);
}

/** The schema of the live database in which single tables wait until they are checked. */
export function stagedSchemaName(runId: string): string {
  return `potctl_restore_${runId}`;
}
