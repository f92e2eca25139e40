import type { Connected } from './client.js';

/** So much text makes a batch. */
const BATCH_CHARACTERS = 256 * 1024;

/**
 * Reads `copy (sql) to stdout` in batches of rows. Whoever stops before the end loses the connection: the server would go on sending.
 *
 * @see https://www.postgresql.org/docs/current/sql-copy.html, "Text Format"
 */
export async function* copiedRows({ client, destroy }: Connected, sql: string): AsyncGenerator<(string | null)[][]> {
  const { to } = (await import('pg-copy-streams')).default;
  const decoder = new TextDecoder();
  let text = '';
  let isOver = false;
  try {
    // A chunk is a view on a buffer that is used again: it becomes text at once.
    for await (const chunk of client.query(to(`copy (${sql}) to stdout`))) {
      text += decoder.decode(chunk as Buffer, { stream: true });
      if (text.length < BATCH_CHARACTERS) continue;
      const end = text.lastIndexOf('\n') + 1;
      if (end > 0) yield rowsOf(text.slice(0, end));
      text = text.slice(end);
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

const rowsOf = (text: string): (string | null)[][] => {
  const lines = text.split('\n');
  lines.pop();
  return lines.map((line) => line.split('\t').map(cellOf));
};

const ESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function cellOf(cell: string): string | null {
  if (!cell.includes('\\')) return cell;
  return cell === '\\N' ? null : cell.replace(/\\(.)/gs, (_, character: string) => ESCAPED[character] ?? character);
}
