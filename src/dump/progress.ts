import type { Progress } from '../kernel/progress.js';
import type { DumpedTable } from './tables.js';

/** Converts the messages of pg_dump to bytes done of all bytes; sizes are those of the tables on the server's disk. */
export interface DumpProgress {
  sizesKnown(sizes: ReadonlyMap<number, number>): void;
  tableStarted(name: string): void;
}

/** Tracks the progress of a dump. As many tables as pg_dump has jobs are in progress; all that were started before them are done. */
export function trackDump(tables: readonly DumpedTable[], jobs: number, progress: Progress): DumpProgress {
  const oids = new Map(tables.map(({ oid, schema, name }) => [`${schema}.${name}`, oid]));
  const started: number[] = [];
  let sizes: ReadonlyMap<number, number> = new Map();
  const report = () => {
    const bytes = (list: readonly number[]) => list.reduce((sum, oid) => sum + (sizes.get(oid) ?? 0), 0);
    if (sizes.size > 0) {
      progress({ kind: 'bytes', done: bytes(started.slice(0, -jobs)), total: bytes([...sizes.keys()]) });
    }
  };
  return {
    sizesKnown(known) {
      sizes = known;
      report();
    },
    tableStarted(name) {
      const oid = oids.get(name);
      if (oid === undefined) return;
      started.push(oid);
      report();
    },
  };
}
