import type { Proof } from '../events.js';
import type { Content } from './content.js';
import { TABLES, type TableContent } from './tables.js';

/**
 * Compares all tables and the files. Equal means the same count and the same digest. A table that is missing on both sides is left out; on one
 * side it is a difference.
 */
export function compare(expected: Content, found: Content): Proof[] {
  const tables = TABLES.filter((table) => expected.tables.has(table) || found.tables.has(table));
  return [
    ...tables.map((table) => proof(table, rowsOf(expected.tables.get(table)), rowsOf(found.tables.get(table)))),
    proof('files', [expected.tree.files, expected.tree.digest], [found.tree.files, found.tree.digest]),
  ];
}

type Counted = readonly [count: number, digest: string];

const ABSENT: Counted = [0, 'absent'];

function rowsOf(content: TableContent | undefined): Counted {
  return content ? [content.rows, content.digest] : ABSENT;
}

function proof(subject: string, expected: Counted, found: Counted): Proof {
  const equal = expected[0] === found[0] && expected[1] === found[1];
  return { subject, equal, expected: expected[0], found: found[0], digest: found[1].slice(0, 12) };
}
