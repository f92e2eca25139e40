import type { Environment } from '../../../src/config/settings.js';
import { counted, verb } from '../../../src/kernel/counted.js';
import { type Advice, advice, again, potctl } from '../../../src/kernel/next.js';
import type { Blocker } from '../../../src/restore/plan/assess.js';
import type { ObservedLoss, TableLoss } from '../../../src/restore/plan/observe-loss.js';
import type { PlannedDatabase, PlannedFiles, RestorePlan } from '../../../src/restore/plan/plan.js';
import type { View } from '../../ui/view.js';

type Pair = readonly [label: string, value: string];
const SHOWN_TABLES = 12;

/** The hint after a swap that removed the journal. */
export const NO_JOURNAL = advice`This database has no journal now; to install it:  ${potctl('setup')}`;

/**
 * Draws the plan of a restore: its source and target, what is lost, time and space, and how to undo it.
 *
 * @param run the run that follows the plan; null = none
 */
export function renderRestorePlan(plan: RestorePlan, run: string | null, view: View): void {
  const { backup, database, files, environment } = plan;
  view.heading(run === null ? 'RESTORE PLAN' : `RESTORE PLAN   run ${run}`);
  const evidence = backup.verified ? `verified ${backup.verified.level} ${view.time(backup.verified.at)}` : 'just read';
  const stored = `${view.bytes(backup.storedBytes)}, intact (${evidence})`;
  view.fields([
    ['From', `${backup.id}   taken ${view.time(backup.takenAt)} · ${backup.status} · ${stored}`],
    ...(database === null ? [] : databasePairs(plan.mode, database, environment, view)),
    ...(files === null ? [] : filesPairs(plan.mode, files, view)),
    [
      'Time',
      plan.estimateMs === null
        ? 'unknown: no earlier restore of this series'
        : `about ${view.duration(plan.estimateMs)}`,
    ],
    ...hookPairs(plan.hooks),
    ...(run === null ? undoLater(plan, view) : undoPairs(plan, view)),
  ]);
  if (database?.loss) renderLoss(`You lose what was written after ${view.time(backup.takenAt)}`, database.loss, view);
  renderFindings(plan.blocking, plan.warnings, view);
}

/** `[PRODUCTION]` in a loud color; other environments in a dim one. */
export function environmentBadge(environment: Environment | null, view: View): string {
  if (environment === null) return '';
  return `${view.paint(environment === 'production' ? 'bad' : 'dim', `[${environment.toUpperCase()}]`)} `;
}

/** The commands that stop and start the writers, as the plan shows them. */
export function hookPairs(hooks: { readonly stop: string | null; readonly start: string | null }): Pair[] {
  const pairs: Pair[] = [];
  if (hooks.stop !== null) pairs.push(['Stop', `\`${hooks.stop}\` before the swap`]);
  if (hooks.start !== null) pairs.push(['Start', `\`${hooks.start}\` after it`]);
  return pairs;
}

/** Without a run there is no command yet. */
function undoLater({ undo, undoPossibleMs }: RestorePlan, view: View): Pair[] {
  if (undo === null) return [['Undo', NOTHING_TO_UNDO]];
  return [
    ['Kept', keptText(undoPossibleMs, view)],
    ['Undo', 'restore run prints the command'],
  ];
}

const NOTHING_TO_UNDO = 'nothing is replaced';
const keptText = (ms: number, view: View): string => `what is live now, for ${view.duration(ms)}`;

/** How long the previous data is kept, and the command that brings it back, alone on its line so that it can be pasted. */
export function undoPairs({ undo, undoPossibleMs }: Pick<RestorePlan, 'undo' | 'undoPossibleMs'>, view: View): Pair[] {
  if (undo === null) return [['Undo', NOTHING_TO_UNDO]];
  return [
    ['Kept', keptText(undoPossibleMs, view)],
    ['Undo', view.spelled(undo)],
  ];
}

/** Draws the blockers, each with its fix, then the warnings. */
export function renderFindings(blocking: readonly Blocker[], warnings: readonly Advice[], view: View): void {
  for (const { text, fix, accept } of blocking) {
    view.line(`  ${view.paint('bad', 'BLOCKED')}  ${text}`);
    const lines = accept === undefined ? fix : [...fix, advice`Or accept it: ${again('--accept', accept)}`];
    for (const one of lines) view.line(`           ${view.paint('dim', view.spelled(one))}`);
  }
  for (const warning of warnings) view.line(`  ${view.paint('warn', '!')} ${view.spelled(warning)}`);
}

/** Draws the tables that lose rows. Tables without a difference are left out. */
export function renderLoss(heading: string, { tables, missing, unknown }: ObservedLoss, view: View): void {
  const losing = tables.filter(
    ({ rowsNow, rowsInBackup, writtenSince }) => rowsNow !== rowsInBackup || (writtenSince ?? 0) > 0,
  );
  view.line(`  ${heading}:`);
  if (losing.length === 0) view.line('    every table has as many rows as in the backup');
  else {
    view.table(
      ['    TABLE', 'NOW', 'BACKUP', 'NOW - BACKUP', 'WRITTEN SINCE', 'NEWEST ROW'],
      losing.slice(0, SHOWN_TABLES).map((loss) => lossRow(loss, view)),
    );
    if (losing.length > SHOWN_TABLES)
      view.line(`    and ${counted(losing.length - SHOWN_TABLES, 'more table')} (--json shows all)`);
  }
  if (missing.length > 0) {
    const names = missing.slice(0, SHOWN_TABLES).join(', ');
    view.line(`    only in the backup: ${names}${missing.length > SHOWN_TABLES ? ', …' : ''}`);
  }
  for (const text of unknown) view.line(`    ${view.paint('dim', `unknown: ${text}`)}`);
}

function lossRow(
  { schema, table, rowsNow, exact, rowsInBackup, writtenSince, newest }: TableLoss,
  view: View,
): string[] {
  const difference = rowsNow === null || rowsInBackup === null ? null : rowsNow - rowsInBackup;
  const sign = difference !== null && difference > 0 ? '+' : '';
  return [
    `    ${schema}.${table}`,
    rowsNow === null ? '?' : `${exact ? '' : '~'}${view.count(rowsNow)}`,
    rowsInBackup === null ? '–' : view.count(rowsInBackup),
    difference === null ? '–' : `${sign}${view.count(difference)}`,
    writtenSince === null ? '?' : view.count(writtenSince),
    newest === null ? '–' : view.time(newest),
  ];
}

function databasePairs(
  mode: RestorePlan['mode'],
  database: PlannedDatabase,
  environment: Environment | null,
  view: View,
): Pair[] {
  const { name, host, port, systemIdentifier, serverVersion, present, stagedAs, neededBytes, freeBytes } = database;
  const into = `${environmentBadge(environment, view)}${name} @ ${host}:${port}`;
  const free = freeBytes === null ? 'free space unknown' : `${view.bytes(freeBytes)} free`;
  const fate =
    mode === 'new' ? 'new' : present === null ? 'is missing and will be created' : `is kept as ${present.keptAs}`;
  return [
    ['Into', `${into}   system ${systemIdentifier ?? 'unknown'} · PostgreSQL ${serverVersion}`],
    ['Restore', `${contentText(database)} into staging database ${stagedAs}, then verified`],
    [mode === 'new' ? 'Name' : 'Swap', mode === 'new' ? `then ${name}` : `the current ${name} ${fate}`],
    ['Space', `${view.bytes(neededBytes)} for the database; ${free}`],
  ];
}

/** Describes the restored tables and rows. Only tables with data count: a schema-only dump has none. Pure. */
export function contentText({ tables, rows }: Pick<PlannedDatabase, 'tables' | 'rows'>): string {
  if (tables === 0) return '0 rows (the dump has no data)';
  return `${counted(tables, 'table')}, ${rows === null ? 'rows not counted' : counted(rows, 'row')}`;
}

function filesPairs(mode: RestorePlan['mode'], files: PlannedFiles, view: View): Pair[] {
  const { root, present, neededBytes, freeBytes } = files;
  const free = freeBytes === null ? '' : `; ${view.bytes(freeBytes)} free`;
  const now =
    present === null
      ? 'is missing and will be created'
      : `${counted(present.entries, 'entry')} at the top level ${verb(present.entries, 'is', 'are')} kept for undo`;
  return [
    ['Files', `${counted(files.files, 'file')}, ${view.bytes(neededBytes)}${free}`],
    ['Directory', `${root}   ${mode === 'new' ? 'new' : now}`],
  ];
}
