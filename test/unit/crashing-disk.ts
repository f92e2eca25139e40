import fs from 'node:fs';
import { realDisk, type TreeDisk } from '../../src/runs/tree/disk.js';

/** The process has died: nothing happens after it. */
export class Crash extends Error {}

const CHANGING = ['rename', 'link', 'unlink', 'makeFolder', 'removeFolder', 'chmod', 'write', 'append'] as const;

/**
 * The real disk, on which the process dies at its `survives + 1`-th change. The write in which it dies leaves half of its text. Without fsync
 * and with plain stat attributes, so that thousands of runs are fast.
 */
export function crashingDisk(survives = Number.POSITIVE_INFINITY): { readonly disk: TreeDisk; changes(): number } {
  const real = realDisk();
  let changes = 0;
  const dead = (): boolean => changes > survives;
  const step = (torn?: () => void): void => {
    changes += 1;
    if (changes === survives + 1) torn?.();
    if (dead()) throw new Crash(`at change ${changes}`);
  };
  const watched = Object.fromEntries(
    CHANGING.map((name) => [
      name,
      (...args: unknown[]) => {
        step(() => tear(name, args));
        return (real[name] as (...all: unknown[]) => unknown)(...args);
      },
    ]),
  );
  const disk = {
    ...real,
    ...watched,
    syncFolder: () => {},
    flush: async () => {},
    readAttributes: async (folder: string) => attributesOf(folder),
    applyAttributes: async (folder: string, text: string) => {
      step();
      const { mode, mtime } = JSON.parse(text) as { mode: number; mtime: number };
      fs.chmodSync(folder, mode);
      step();
      fs.utimesSync(folder, mtime, mtime);
    },
  } as TreeDisk;
  return { disk, changes: () => changes };
}

function attributesOf(folder: string): string {
  const { mode, mtimeMs } = fs.lstatSync(folder);
  return JSON.stringify({ mode: mode & 0o7777, mtime: mtimeMs / 1000 });
}

function tear(name: (typeof CHANGING)[number], [file, text]: unknown[]): void {
  if (name !== 'write' && name !== 'append') return;
  const half = String(text).slice(0, String(text).length / 2);
  fs.writeFileSync(file as string, half, { flag: name === 'write' ? 'w' : 'a' });
}
