import { StringDecoder } from 'node:string_decoder';
import type { Connected } from './client.js';

/**
 * So much text makes a batch. What becomes of it is a few times as long, and a string above 128 KiB gets pages of its own from the system:
 * measured, each row takes three times as long then. And the server goes on meanwhile.
 */
const BATCH_CHARACTERS = 16 * 1024;

/**
 * Reads `copy (sql) to stdout` in batches of rows, or a whole `copy table to stdout`. Whoever stops before the end loses the connection: the server would go on sending.
 *
 * @see https://www.postgresql.org/docs/current/sql-copy.html, "Text Format"
 */
export async function* copiedRows({ client, destroy }: Connected, sql: string): AsyncGenerator<(string | null)[][]> {
  const { to } = (await import('pg-copy-streams')).default;
  // TextDecoder makes two bytes of every character, and all work on the text costs twice as much.
  const decoder = new StringDecoder('utf8');
  let text = '';
  let isOver = false;
  try {
    // A chunk is a view on a buffer that is used again: it becomes text at once.
    for await (const chunk of client.query(to(/^copy\b/.test(sql) ? sql : `copy (${sql}) to stdout`))) {
      text += decoder.write(chunk as Buffer);
      for (let end = endOfBatch(text); end > 0; end = endOfBatch(text)) {
        yield rowsOf(text.slice(0, end));
        text = text.slice(end);
      }
    }
    isOver = true;
  } catch (error) {
    isOver = true;
    throw error;
  } finally {
    if (!isOver) destroy();
  }
  if (text !== '') yield rowsOf(text);
}

/** Behind the last line that a batch has room for, or behind a longer one; 0 = there is not enough yet. */
function endOfBatch(text: string): number {
  if (text.length < BATCH_CHARACTERS) return 0;
  const end = text.lastIndexOf('\n', BATCH_CHARACTERS - 1) + 1;
  return end > 0 ? end : text.indexOf('\n', BATCH_CHARACTERS) + 1;
}

const [TAB, LINE_END] = [9, 10];

/** One look at each character: cutting lines, then cells, costs twice as much. */
function rowsOf(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character !== TAB && character !== LINE_END) continue;
    row.push(cellOf(text.slice(start, at)));
    start = at + 1;
    if (character === TAB) continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

const ESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function cellOf(cell: string): string | null {
  if (!cell.includes('\\')) return cell;
  return cell === '\\N' ? null : cell.replace(/\\(.)/gs, (_, character: string) => ESCAPED[character] ?? character);
}
