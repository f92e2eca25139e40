import type { ShownFile } from '../../../src/backup/show-files.js';
import type { Column } from '../../ui/columns.js';

/** A file of a backup as a row. Bytes that are not UTF-8 show as `\xff`, in which form they can be given to --path again. */
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
