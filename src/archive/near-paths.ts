import type { FilesPart } from '../catalog/manifest.js';
import { editDistance } from '../kernel/closest.js';
import { display } from './byte-path.js';
import { readList } from './list.js';
import { pathOf } from './listed-file.js';

const SHOWN = 3;
/** Longer names are only compared by what they contain. */
const MAX_COMPARED = 48;

/** Returns up to three paths of a backup that are spelled like a glob without a match, the nearest first. */
export async function nearPaths(folder: string, part: FilesPart, glob: string, signal: AbortSignal): Promise<string[]> {
  const wanted = glob.toLowerCase().replace(/\/+$/, '');
  const best: { readonly path: string; readonly distance: number }[] = [];
  for await (const file of readList(folder, part, signal)) {
    const path = pathOf(file);
    if (path === '' || file.superseded) continue;
    const distance = distanceOf(wanted, display(path).toLowerCase());
    if (distance >= (best.at(SHOWN - 1)?.distance ?? Number.POSITIVE_INFINITY)) continue;
    best.push({ path: display(path), distance });
    best.sort((a, b) => a.distance - b.distance).splice(SHOWN);
  }
  return best.map(({ path }) => path);
}

function distanceOf(wanted: string, path: string): number {
  if (wanted === path) return 0;
  const [stem, name] = [lastOf(wanted), lastOf(path)];
  if (stem === name) return 0.5;
  const literal = stem.replace(/[*?[\]{}()!+@|\\]/g, '');
  const isLong = Math.max(literal.length, name.length) > MAX_COMPARED;
  const edits = isLong ? Number.POSITIVE_INFINITY : editDistance(literal, name, 8);
  const limit = Math.max(1, Math.floor(name.length / 3));
  if (edits <= limit) return edits;
  return literal.length >= 3 && name.includes(literal) ? limit + 1 : Number.POSITIVE_INFINITY;
}

const lastOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
