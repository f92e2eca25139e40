import { counted } from '../../../src/kernel/counted.js';
import type { PlannedNeed, PlannedTable, TablesPlan } from '../../../src/restore/tables/plan.js';
import type { LeftOut } from '../../../src/restore/tables/select.js';
import type { View } from '../../ui/view.js';
import { environmentBadge, renderFindings } from './plan-screen.js';

const NAMED = 10;

/** Draws the plan of a restore of single tables. @param run the run that follows it; null = none */
export function renderTablesPlan(plan: TablesPlan, run: string | null, view: View): void {
  const { backup, database, schema, schemaExists, environment, neededBytes } = plan;
  const { name, host, port, systemIdentifier, stagedAs, freeBytes } = database;
  view.heading(`RESTORE PLAN   single tables${run === null ? '' : `, run ${run}`}`);
  view.fields([
    ['Backup', `${backup.id}   taken ${view.time(backup.takenAt)}, ${backup.status}`],
    [
      'Database',
      `${environmentBadge(environment, view)}${name} @ ${host}:${port}   system ${systemIdentifier ?? 'unknown'}`,
    ],
    [
      'Into',
      `schema ${schema}, ${schemaExists ? 'which already exists' : 'which will be created'}; no live table is touched`,
    ],
    ['Steps', `restore into ${stagedAs} and count, copy, count again, then rename`],
    [
      'Space',
      `${view.bytes(neededBytes)}; ${freeBytes === null ? 'free space unknown' : `${view.bytes(freeBytes)} free`}`,
    ],
    ...plan.tables.map((table) => ['Table', tableText(table, view)] as const),
    ...plan.needs.map((need) => ['Needs', needText(need)] as const),
  ]);
  renderLeftOut(plan.leftOut, view);
  renderFindings(plan.blocking, plan.warnings, view);
}

/** Draws what belongs to the tables and is not restored. */
export function renderLeftOut(leftOut: readonly LeftOut[], view: View): void {
  for (const { kind, name } of leftOut.slice(0, NAMED)) view.line(`  left out: ${kind} ${name}`);
  if (leftOut.length > NAMED) view.line(`  left out: ${leftOut.length - NAMED} more; --json lists them`);
}

function tableText({ schema, table, partitions, rows, bytes }: PlannedTable, view: View): string {
  const parts = partitions > 0 ? `, ${counted(partitions, 'partition')}` : '';
  return `${schema}.${table}   ${rows === null ? 'rows not counted' : counted(rows, 'row')}, ${view.bytes(bytes)}${parts}`;
}

function needText({ kind, name, present }: PlannedNeed): string {
  const state = { true: 'exists', false: 'IS MISSING in the live database', null: 'checked during the restore' };
  return `${kind} ${name}   ${state[`${present}`]}`;
}
