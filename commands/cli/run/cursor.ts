import { PotctlError } from '../../../src/kernel/errors.js';

/** Where the next page of a list begins. */
export interface Cursor {
  /** The list, as `backup list`. */
  readonly list: string;
  /** As --sort has it; empty = the order that the list has of itself. */
  readonly sort: string;
  /** The last row shown: rows that came in front meanwhile do not shift the page. */
  readonly after: string;
  /** Rows shown so far, for when that row is gone. */
  readonly shown: number;
}

/** As it stands in `next_cursor`, and is given to --cursor. */
export function writeCursor({ list, sort, after, shown }: Cursor): string {
  return Buffer.from(JSON.stringify([list, sort, after, shown])).toString('base64url');
}

/**
 * Reads what {@link writeCursor} wrote for the same list.
 *
 * @param sort undefined where the list has one order only
 * @throws PotctlError E_USAGE for anything else, a cursor of another list or order included
 */
export function readCursor(text: string, list: string, sort: string | undefined): Cursor {
  try {
    const [from, order, after, shown] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    const isOurs = from === list && order === (sort ?? '') && typeof after === 'string' && Number.isInteger(shown);
    if (isOurs) return { list, sort: sort ?? '', after, shown: shown as number };
  } catch {
    // Not one of ours: said below.
  }
  const same = sort === undefined ? 'list' : 'list and order';
  throw new PotctlError('E_USAGE', `'--cursor' takes the cursor of the last page of the same ${same}, not '${text}'`);
}
