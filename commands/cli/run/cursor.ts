import { PotctlError } from '../../../src/kernel/errors.js';

/** Where the next page of a list begins. */
export interface Cursor {
  /** The command of the list, e.g. `backup list`. */
  readonly list: string;
  /** The value of --sort; empty for the list's own order. */
  readonly sort: string;
  /** Key of the last row shown, so that rows added before it do not shift the page. */
  readonly after: string;
  /** Rows shown so far; used if that row no longer exists. */
  readonly shown: number;
}

/** Encodes a cursor as `next_cursor` shows it and --cursor takes it. */
export function writeCursor({ list, sort, after, shown }: Cursor): string {
  return Buffer.from(JSON.stringify([list, sort, after, shown])).toString('base64url');
}

/**
 * Reads what {@link writeCursor} wrote for the same list.
 *
 * @param sort undefined if the list has only one order
 * @throws PotctlError E_USAGE for anything else, including a cursor of another list or order
 */
export function readCursor(text: string, list: string, sort: string | undefined): Cursor {
  try {
    const [from, order, after, shown] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    const isOurs = from === list && order === (sort ?? '') && typeof after === 'string' && Number.isInteger(shown);
    if (isOurs) return { list, sort: sort ?? '', after, shown: shown as number };
  } catch {
    // Not one of ours: the error below says so.
  }
  const same = sort === undefined ? 'list' : 'list and order';
  throw new PotctlError(
    'E_USAGE',
    `'--cursor' takes the cursor printed by the previous page of the same ${same}, not '${text}'`,
  );
}
