import { createHash } from 'node:crypto';
import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** What was written, to be shown by the tour. */
export interface StorageFacts {
  readonly files: number;
  readonly bytes: number;
}

const PROJECTS = 160;
/** Modification time of the oldest file, in seconds since 1970: 2025-03-01. */
const FIRST_MTIME_S = 1_740_787_200;

/**
 * Writes the files of a 3dPot application below `root`: 160 STL models and their G-code in nested directories, some thumbnails, an empty
 * directory, a symlink, a name that is not ASCII. Every run writes the same bytes and times.
 */
export async function writeStorage(root: string): Promise<StorageFacts> {
  const facts = { files: 0, bytes: 0 };
  const put = async (name: string, content: string | Buffer, order: number) => {
    const file = path.join(root, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content, { mode: order % 9 === 0 ? 0o600 : 0o644 });
    await utimes(file, FIRST_MTIME_S + order * 7_200, FIRST_MTIME_S + order * 7_200);
    facts.files += 1;
    facts.bytes += Buffer.byteLength(content);
  };
  for (let project = 1; project <= PROJECTS; project += 1) {
    const id = projectId(project);
    const shelf = id.slice(0, 1);
    await put(`models/${shelf}/${id}.stl`, project % 4 === 0 ? binaryStl(project) : textStl(project), project);
    await put(`gcode/${shelf}/${id}.gcode`, gcode(project), project);
    if (project % 8 === 0) await put(`thumbnails/${id}.svg`, thumbnail(project), project);
  }
  await put('models/peça única – ø 40 mm.stl', textStl(0), 1);
  await put('empty.gcode', '', 2);
  await mkdir(path.join(root, 'incoming'));
  await symlink(
    `../models/${projectId(1).slice(0, 1)}/${projectId(1)}.stl`,
    path.join(root, 'thumbnails', 'featured.stl'),
  );
  return facts;
}

/** Returns the id of a project as in the demo's database: an md5 as a uuid. */
function projectId(project: number): string {
  const hex = createHash('md5').update(`project ${project}`).digest('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Returns a pseudo-random generator of numbers between 0 and 1 (linear congruential), reproducible by its seed. */
function numbersFrom(seed: number): () => number {
  let state = (seed * 2_654_435_761 + 12_345) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function textStl(seed: number): string {
  const next = numbersFrom(seed);
  const point = () => [next(), next(), next()].map((part) => (part * 180).toFixed(6)).join(' ');
  const facets = Array.from({ length: 90 + (seed % 60) }, () => {
    const corners = [point(), point(), point()].map((corner) => `      vertex ${corner}`).join('\n');
    return `  facet normal ${point()}\n    outer loop\n${corners}\n    endloop\n  endfacet`;
  });
  return `solid project_${seed}\n${facets.join('\n')}\nendsolid project_${seed}\n`;
}

function binaryStl(seed: number): Buffer {
  const next = numbersFrom(seed);
  const facets = 400 + (seed % 200);
  const stl = Buffer.alloc(84 + facets * 50);
  stl.write(`binary STL of project ${seed}`);
  stl.writeUInt32LE(facets, 80);
  for (let facet = 0; facet < facets; facet += 1) {
    for (let part = 0; part < 12; part += 1) stl.writeFloatLE(next() * 180, 84 + facet * 50 + part * 4);
  }
  return stl;
}

function gcode(seed: number): string {
  const next = numbersFrom(seed + 1_000);
  const moves = Array.from(
    { length: 500 + (seed % 300) },
    (_, layer) => `G1 X${(next() * 200).toFixed(3)} Y${(next() * 200).toFixed(3)} E${(layer / 25).toFixed(5)} F1800`,
  );
  return `; project ${seed}\nM104 S210\nG28\n${moves.join('\n')}\nM104 S0\nM84\n`;
}

function thumbnail(seed: number): string {
  const size = 40 + (seed % 60);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200"><circle cx="100" cy="100" r="${size}"/></svg>\n`;
}
