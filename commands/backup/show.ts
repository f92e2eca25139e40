import type { ShownBackup } from '../../src/backup/show.js';
import type { ShownFile } from '../../src/backup/show-files.js';
import { counted } from '../../src/kernel/counted.js';
import { advice } from '../../src/kernel/next.js';
import { OLD_BACKUPS } from '../cli/parse/old-backups.js';
import { count, flag, optionalArgument, text } from '../cli/parse/options.js';
import { itemCommand } from '../command.js';
import type { Column } from '../ui/columns.js';
import type { View } from '../ui/view.js';

const NAMED = 20;

/** `potctl backup show`: everything about one backup; needs no server. */
export const backupShow = itemCommand({
  name: 'backup show',
  summary: 'show one backup: parts, tables, checks, history',
  examples: [
    'potctl backup show latest -p prod',
    'potctl backup show 7f3a --manifest --repository /var/backups/potctl',
    "potctl backup show latest --files 'uploads/**' --limit 0 -o ndjson -p prod",
  ],
  verbatim: ['labels', 'manifest'],
  needs: ['database', 'repository', 'files'],
  input: {
    files: text(
      '--files <glob>',
      'list files of the backup that match this glob, ** for all (a value that starts with / or ./ is the files directory, as elsewhere)',
    ),
    limit: count('--limit <n>', 'with --files: maximum number of rows; 0 = all', { default: 50 }),
    id: optionalArgument('[id]', 'backup id, a unique part of it, latest or latest~1', { default: 'latest' }),
    ...OLD_BACKUPS,
    manifest: flag('--manifest', 'print the manifest as JSON'),
    fromSet: text(
      '--from-series <name>',
      "take the backup from this series (default: this profile's or database's series)",
    ),
  },

  async run({ id, manifest, fromSet, backupDir }, { potctl }) {
    return (await potctl.backup()).show({ id, fromSet, backupDir }, manifest);
  },

  async rows({ id, fromSet, files, limit, backupDir }, { potctl }) {
    if (files === undefined || /^(\.{0,2}\/|\.{1,2}$)/.test(files)) return undefined;
    const found = await (await potctl.backup()).files({ id, fromSet, backupDir }, files);
    return { ...found, columns: FILE_COLUMNS, limit };
  },

  render(backup, view) {
    for (const warning of backup.warnings) view.note(advice`! ${warning}`);
    if (backup.manifest !== null) return renderManifest(backup.manifest, view);
    renderSummary(backup, view);
    renderParts(backup, view);
    renderTables(backup, view);
    renderArtifacts(backup, view);
    renderEvents(backup, view);
  },
});

function renderManifest(manifest: object, view: View): void {
  for (const line of JSON.stringify(manifest, null, 2).split('\n')) view.raw(line);
}

function renderSummary(backup: ShownBackup, view: View): void {
  const { id, created_at, duration_s, status, degraded_reasons, set, kind, verified, note, labels, pinned } = backup;
  const style = status === 'complete' ? 'good' : 'warn';
  view.heading(id);
  view.fields([
    ['taken', `${view.time(created_at)} in ${view.duration((duration_s ?? 0) * 1000)}`],
    ['status', [view.paint(style, status), ...degraded_reasons].join('; ')],
    ['series', set ?? '–'],
    ...optional('kind', kind === 'logical' ? null : kind),
    ['verified', verified === null ? 'never' : `${verified.ok ? verified.level : 'FAILED'} ${view.time(verified.at)}`],
    ['stored', `${view.bytes(backup.bytes_total ?? 0)} in ${backup.destinations.map(({ url }) => url).join(', ')}`],
    ...optional('history', backup.events_damage && view.paint('bad', `damaged: ${backup.events_damage}`)),
    ...optional('pinned', pinned && pinnedText(pinned, view)),
    ...optional('note', note),
    ...optional(
      'labels',
      Object.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(', ') || null,
    ),
    ...optional('imported', backup.imported && `${backup.imported.name} of ${backup.imported.folder}`),
    [
      backup.imported === null ? 'made by' : 'read by',
      `potctl ${backup.tool} on ${backup.hostname}, run ${backup.run_id}, trace ${backup.trace_id}`,
    ],
    ...optional('previous', backup.previous),
  ]);
}

function pinnedText({ reason, by, until }: NonNullable<ShownBackup['pinned']>, view: View): string {
  return `${reason} (${by}${until === null ? '' : `, until ${view.instant(until)}`})`;
}

function renderParts({ parts: { db, files }, ...backup }: ShownBackup, view: View): void {
  view.heading('Parts');
  const { consistency, extensions, roles, snapshot } = backup;
  const rows = db?.rows_total == null ? 'rows not counted' : `${counted(db.rows_total, 'row')} (${db.rows_mode})`;
  view.fields([
    ...optional('database', db && databaseText(db)),
    ...optional('', db && sizeText(db, rows, view)),
    ...optional(
      'snapshot',
      snapshot && `${view.time(snapshot.taken_at)}${snapshot.lsn === null ? '' : `, LSN ${snapshot.lsn}`}`,
    ),
    ...optional('extensions', extensions.join(', ') || null),
    ...optional('roles', roles.join(', ') || null),
    ...optional('files', files && filesText(files, view)),
    ...optional('', files && `${view.bytes(files.size_bytes)} stored (${files.compression})`),
    ...optional('skipped', named(backup.skipped, backup.skipped.length)),
    ...optional('incomplete', named(backup.incomplete, files?.incomplete_total ?? 0)),
    ...optional('references', consistency && referencesText(consistency)),
  ]);
}

type Parts = ShownBackup['parts'];

function databaseText({ name, host, port, server_version: version }: NonNullable<Parts['db']>): string {
  const place = host === null ? '' : ` on ${host}:${port ?? '?'}`;
  return `${name}${place}${version === null ? '' : `, PostgreSQL ${version}`}`;
}

function sizeText({ size_bytes, database_bytes, tables }: NonNullable<Parts['db']>, rows: string, view: View): string {
  const whole = database_bytes === null ? '' : ` of ${view.bytes(database_bytes)}`;
  return `${view.bytes(size_bytes)}${whole}, ${counted(tables, 'table')}, ${rows}`;
}

function filesText({ root, files, bytes }: NonNullable<Parts['files']>, view: View): string {
  return files === null || bytes === null
    ? `${root}, not read yet`
    : `${root}, ${counted(files, 'file')}, ${view.bytes(bytes)}`;
}

function renderTables({ tables }: ShownBackup, view: View): void {
  if (tables.length === 0) return;
  view.heading('Tables');
  const rows = tables.map(({ schema, table, count, exact, bytes }) => [
    `${schema}.${table}`,
    count === null ? '–' : `${exact ? '' : '~'}${view.count(count)}`,
    view.bytes(bytes),
  ]);
  view.table(['TABLE', 'ROWS', 'SIZE'], rows);
}

function renderArtifacts({ artefacts }: ShownBackup, view: View): void {
  view.heading('Artifacts');
  const rows = artefacts.map(({ path, size, sha256 }) => [
    path,
    view.bytes(size),
    sha256 === null ? 'not read yet' : `${sha256.slice(0, 12)}…`,
  ]);
  view.table(['PATH', 'SIZE', 'SHA-256'], rows);
}

function renderEvents({ events }: ShownBackup, view: View): void {
  if (events.length === 0) return;
  view.heading('History');
  const rows = events.map((event) => [
    view.time(event.at),
    event.by,
    'ok' in event ? (event.ok ? 'ok' : 'FAILED') : '',
    eventText(event, view),
  ]);
  view.table(['WHEN', 'BY', 'RESULT', 'WHAT'], rows);
}

function eventText(event: ShownBackup['events'][number], view: View): string {
  if (event.type === 'verify') return [`verify ${event.level}`, ...event.problems].join('; ');
  if (event.type === 'pin')
    return `pin${event.until === null ? '' : ` until ${view.instant(event.until)}`}: ${event.reason}`;
  if (event.type === 'unpin') return event.reason === null ? 'unpin' : `unpin: ${event.reason}`;
  if (event.type === 'tombstone') return `marked for removal: ${event.reason}`;
  return `restore ${event.run} into ${event.target} in ${view.duration(event.duration_ms)}`;
}

function referencesText(facts: NonNullable<ShownBackup['consistency']>): string | null {
  const { referenced, missing, orphans, missing_examples } = facts;
  if (referenced === null) return null;
  const examples = missing_examples.length === 0 ? '' : ` (${missing_examples.join(', ')})`;
  return `${counted(referenced, 'file')} referenced by the database, ${missing} missing${examples}, ${orphans} orphaned`;
}

function named(files: readonly { readonly path: string; readonly reason: string }[], total: number): string | null {
  if (total === 0) return null;
  const shown = files.slice(0, NAMED).map(({ path, reason }) => `${path} (${reason})`);
  return total > shown.length ? `${shown.join(', ')} and ${total - shown.length} more: --manifest` : shown.join(', ');
}

function optional(label: string, value: string | null): [string, string][] {
  return value === null ? [] : [[label, value]];
}

/** A file of a backup as a row. Bytes that are not UTF-8 are shown as `\xff`; --path accepts that form. */
export const FILE_COLUMNS: readonly Column<ShownFile>[] = [
  { name: 'mode', text: ({ mode }) => mode },
  { name: 'type', text: ({ type }) => type },
  {
    name: 'size',
    align: 'right',
    text: ({ size, type }, _now, format) => (type === 'file' ? format.bytes(size) : '–'),
    machine: ({ size }) => String(size),
  },
  { name: 'modified', text: ({ mtime }, _now, format) => format.instant(mtime), machine: ({ mtime }) => mtime },
  { name: 'path', text: pathText },
  { name: 'target', text: ({ target }) => target ?? '', wide: true },
];

function pathText({ path, path_b64: base64 }: ShownFile): string {
  if (path !== null) return path;
  const bytes = Buffer.from(base64 ?? '', 'base64').toString('latin1');
  return bytes.replace(/[\x80-\xff]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`);
}
