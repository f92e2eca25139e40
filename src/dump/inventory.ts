import type { Artifact, TableRows } from '../catalog/manifest.js';
import { PotctlError } from '../kernel/errors.js';
import { quoteQualified } from '../postgres/identifiers.js';
import type { RowCounts } from './count-rows.js';
import { DUMP_FOLDER, type DumpedTable } from './tables.js';
import type { TocEntry } from './toc.js';

/** What was observed about a dump. */
export interface Observation {
  /** The tables in the snapshot. */
  readonly tables: readonly DumpedTable[];
  readonly counts: RowCounts['counts'];
  readonly sizes: ReadonlyMap<number, number>;
  /** What pg_dump wrote. */
  readonly toc: readonly TocEntry[];
  readonly files: readonly Artifact[];
}

/** Combines the content of the dump with the tables of its snapshot, by oid; each difference is a reason for `degraded`. */
export function compareInventory(observed: Observation): { tables: TableRows[]; degraded: string[] } {
  const { tables, counts, sizes, toc, files } = observed;
  const entries = new Map(toc.filter(({ desc }) => desc === 'TABLE DATA').map((entry) => [entry.oid, entry]));
  const members = membersById(files);
  const degraded: string[] = [];
  const rows = tables.map((table): TableRows => {
    const entry = entries.get(table.oid);
    entries.delete(table.oid);
    if (!entry) degraded.push(`${quoteQualified(table.schema, table.name)} should be in the dump, but is missing`);
    const counted = counts.get(table.oid);
    return {
      schema: table.schema,
      table: table.name,
      count: counted?.count ?? null,
      exact: counted?.exact ?? false,
      bytes: sizes.get(table.oid) ?? 0,
      member: entry ? memberOf(entry, members) : null,
      ...(table.condition === null ? {} : { condition: table.condition }),
    };
  });
  for (const { name } of entries.values()) degraded.push(`'${name}' is in the dump, but not in its snapshot`);
  return { tables: rows, degraded };
}

/** Maps dump ids to files: 3342 → `db/dump/3342.dat.gz`. */
function membersById(files: readonly Artifact[]): Map<number, string> {
  const pattern = new RegExp(`^${DUMP_FOLDER}/(\\d+)\\.dat(\\.\\w+)?$`);
  return new Map(
    files.flatMap(({ path }) => {
      const match = pattern.exec(path);
      return match ? [[Number(match[1]), path] as const] : [];
    }),
  );
}

function memberOf(entry: TocEntry, members: ReadonlyMap<number, string>): string {
  const member = members.get(entry.dumpId);
  if (member !== undefined) return member;
  throw new PotctlError('E_TOOL_FAILED', `pg_dump wrote no data file for table '${entry.name}'`, {
    why: `its table of contents names ${entry.dumpId}.dat, but that file does not exist`,
  });
}
