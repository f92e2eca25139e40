import { StringDecoder } from 'node:string_decoder';
import type { Connected } from './client.js';

/**
 * Size of a batch of text. Its result is a few times as long, and a string above 128 KiB gets its own pages from the system: measured, each
 * row then takes three times as long. Meanwhile the server continues.
 */
const BATCH_CHARACTERS = 16 * 1024;

/**
 * Reads `copy (sql) to stdout` in batches of rows, or a whole `copy table to stdout`. A caller that stops early loses the connection,
 * because the server would continue sending.
 *
 * @see https://www.postgresql.org/docs/current/sql-copy.html, "Text Format"
 */
export async function* copiedRows({ client, destroy }: Connected, sql: string): AsyncGenerator<(string | null)[][]> {
  const { to } = (await import('pg-copy-streams')).default;
  // TextDecoder makes two-byte strings, which doubles the cost of all work on the text.
  const decoder = new StringDecoder('utf8');
  let text = '';
  let isOver = false;
  try {
    // A chunk is a view of a reused buffer, so it is converted to text at once.
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

/** The end of the last complete line within a batch, or of a single longer line; 0 = more text is needed. */
function endOfBatch(text: string): number {
  if (text.length < BATCH_CHARACTERS) return 0;
  const end = text.lastIndexOf('\n', BATCH_CHARACTERS - 1) + 1;
  return end > 0 ? end : text.indexOf('\n', BATCH_CHARACTERS) + 1;
}

const [TAB, LINE_END] = [9, 10];

/** Looks at each character once: splitting into lines, then cells, costs twice as much. */
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
