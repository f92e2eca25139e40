import type { ListedBackup, Listing } from '../../src/backup/listing.js';
import { type Advice, advice, potctl } from '../../src/kernel/next.js';
import { OLD_BACKUPS } from '../cli/parse/old-backups.js';
import { choice, flag } from '../cli/parse/options.js';
import { listCommand } from '../command.js';
import type { Column } from '../ui/columns.js';
import type { Formats } from '../ui/view.js';

const NONE = '–';

const columns: readonly Column<ListedBackup>[] = [
  { name: 'id', text: ({ id }) => id },
  {
    name: 'taken',
    priority: 4,
    text: ({ created_at }, _now, format) => format.instant(created_at),
    machine: ({ created_at }) => created_at,
    sortKey: ({ created_at }) => created_at,
  },
  {
    name: 'age',
    text: ({ created_at }, _now, format) => format.age(created_at),
    machine: ({ created_at }) => created_at,
    sortKey: ({ created_at }) => -Date.parse(created_at),
  },
  { name: 'parts', priority: 3, text: partsText },
  {
    name: 'size',
    priority: 2,
    align: 'right',
    text: ({ bytes_total }, _now, format) => (bytes_total === null ? NONE : format.bytes(bytes_total)),
    machine: ({ bytes_total }) => String(bytes_total ?? ''),
    sortKey: ({ bytes_total }) => bytes_total ?? -1,
  },
  {
    name: 'rows',
    priority: 6,
    align: 'right',
    text: ({ rows, parts }, _now, format) => {
      const mark = parts.db?.rows_mode === 'estimate' ? '~' : '';
      return rows === null ? NONE : mark + format.count(rows);
    },
    machine: ({ rows }) => String(rows ?? ''),
    sortKey: ({ rows }) => rows ?? -1,
  },
  {
    name: 'status',
    text: ({ status, pinned }) => (pinned === null ? status : `${status}, pinned`),
    machine: ({ status }) => status,
  },
  {
    name: 'verified',
    priority: 2,
    text: ({ verified }, _now, format) =>
      verified === null ? NONE : `${verifiedWord(verified)} ${format.age(verified.at)}`,
    machine: ({ verified }) => (verified === null ? '' : verifiedWord(verified)),
  },
  {
    name: 'where',
    priority: 5,
    flexible: true,
    text: ({ destinations }) => destinations.map(({ name }) => name).join(', '),
  },
  { name: 'series', wide: true, text: ({ set }) => set ?? NONE, machine: ({ set }) => set ?? '' },
  { name: 'database', wide: true, text: databaseText, machine: ({ parts }) => parts.db?.name ?? '' },
  { name: 'files', wide: true, text: filesText, machine: ({ parts }) => String(parts.files?.files ?? '') },
  {
    name: 'pin',
    wide: true,
    flexible: true,
    text: ({ pinned }, _now, format) => pinText(pinned, format),
    machine: ({ pinned }) => pinned?.reason ?? '',
  },
  { name: 'note', wide: true, flexible: true, text: ({ note, problem }) => problem ?? note ?? '' },
  { name: 'tool', wide: true, text: ({ tool }) => tool ?? NONE, machine: ({ tool }) => tool ?? '' },
];

/** `potctl backup list`: newest first; needs no server. */
export const backupList = listCommand({
  name: 'backup list',
  summary: 'list the backups of this profile or database',
  examples: [
    'potctl backup list -p prod',
    'potctl backup list --repository /var/backups/potctl --all-series --wide',
    'potctl backup list --status damaged --json',
    'potctl backup list --since 7d --fail-on-empty',
    'potctl backup list --backup-dir /var/backups/3dpot',
  ],
  columns,
  verbatim: ['labels'],
  at: ({ created_at }) => created_at,
  needs: ['database', 'repository', 'files'],
  input: {
    ...OLD_BACKUPS,
    allSets: flag('--all-series', 'also list backups of other profiles and databases'),
    status: choice('--status <status>', 'only complete, degraded or damaged backups', [
      'complete',
      'degraded',
      'damaged',
    ]),
  },

  async run({ allSets, status, backupDir }, { potctl }) {
    const listing = await (await potctl.backup()).list({ allSets, status: status ?? null, backupDir });
    return { items: listing.items, footer: footerOf(listing), warnings: warningsOf(listing) };
  },
});

function footerOf({ sets, fellBack, hidden, newestGood, newestGoodOf }: Listing): Advice[] {
  const good = newestGood === null ? 'No good backup.' : `Newest good backup: ${newestGood.id}.`;
  const ofParts = newestGoodOf.map(({ part, id }) => `Newest good backup with ${WITH[part]}: ${id}.`);
  const shown = sets === null ? [] : [`Series shown: ${sets.join(', ')}.`];
  const more =
    hidden === 0 ? [] : [advice`${hidden} more in other series: ${potctl('backup', 'list', '--all-series')}`];
  const other = fellBack ? ['No backup belongs to this database or these files, so all series are shown.'] : [];
  return [[good, ...ofParts, ...shown].join(' '), ...other, ...more];
}

const WITH = { database: 'the database', files: 'files' } as const;

function warningsOf({ items, fromFuture }: Listing): Advice[] {
  return items.flatMap(({ id, created_at, problem, events_damage }) => [
    ...(problem === null ? [] : [`backup '${id}' is damaged: ${problem}`]),
    ...(events_damage === null ? [] : [`the history of backup '${id}' is damaged: ${events_damage}`]),
    ...(fromFuture.includes(id)
      ? [
          advice`backup '${id}' is dated in the future (${created_at}); if this machine's clock is right, remove it: ${potctl('backup', 'prune', id)}`,
        ]
      : []),
  ]);
}

function partsText({ parts, kind }: ListedBackup): string {
  const names = [parts.db && 'db', parts.files && 'files'].filter((name) => name !== null);
  const text = names.join('+') || NONE;
  return kind === 'safety' ? `${text} (safety)` : text;
}

function verifiedWord({ ok, level }: NonNullable<ListedBackup['verified']>): string {
  return ok ? level : 'FAILED';
}

function databaseText({ parts: { db } }: ListedBackup): string {
  return db === null ? NONE : [db.name, db.host].filter((name) => name !== null).join('@');
}

function pinText(pinned: ListedBackup['pinned'], format: Formats): string {
  if (pinned === null) return NONE;
  return pinned.until === null ? pinned.reason : `${pinned.reason} (until ${format.instant(pinned.until)})`;
}

function filesText({ parts: { files } }: ListedBackup): string {
  return files === null ? NONE : `${files.files ?? '?'} in ${files.root}`;
}
