import fs from 'node:fs';
import fsp, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** A change of names below the watched folder. All paths are relative to it. */
export interface NameChange {
  readonly call: 'rename' | 'link' | 'remove';
  readonly from: string;
  /** Of a removal: the same as `from`. */
  readonly to: string;
  /** What a power failure right before the change could lose: bytes by the file, and `… (name)` where a name came or went. */
  readonly unsynced: readonly string[];
}

interface WatchOptions {
  /** Names that need not survive a power failure, as those of temporary files. */
  readonly isIgnored?: (name: string) => boolean;
  /** Files and folders whose sync fails. */
  readonly failing?: readonly string[];
}

/** Bytes and names that this process wrote below a folder, and a power failure could lose. What other processes write is not seen. */
export class WatchedDisk {
  readonly changes: NameChange[] = [];
  private files = new Set<string>();
  /** Folders, and which of their names are not on the disk. */
  private folders = new Map<string, Set<string>>();
  readonly root: string;

  constructor(
    root: string,
    private readonly options: WatchOptions,
  ) {
    this.root = fs.realpathSync(root);
  }

  /** What a power failure would lose now. @see NameChange.unsynced */
  unsynced(): string[] {
    const names = [...this.folders].flatMap(([folder, inside]) =>
      [...inside].filter((name) => this.options.isIgnored?.(name) !== true).map((name) => path.join(folder, name)),
    );
    return [
      ...[...this.files].filter(this.counts).map(this.nameOf),
      ...names.filter(this.counts).map((place) => `${this.nameOf(place)} (name)`),
    ].sort();
  }

  wrote(file: string): void {
    this.files.add(file);
  }

  appeared(place: string): void {
    const folder = path.dirname(place);
    this.folders.set(folder, (this.folders.get(folder) ?? new Set()).add(path.basename(place)));
  }

  synced(place: string): void {
    if (this.options.failing?.includes(this.nameOf(place))) throw Object.assign(new Error('EIO'), { code: 'EIO' });
    this.files.delete(place);
    this.folders.delete(place);
  }

  /** Everything was sent to the disk. */
  flushed(): void {
    this.files.clear();
    this.folders.clear();
  }

  changing(call: NameChange['call'], from: string, to = from): void {
    if (!this.counts(from) && !this.counts(to)) return;
    this.changes.push({ call, from: this.nameOf(from), to: this.nameOf(to), unsynced: this.unsynced() });
  }

  moved(from: string, to: string): void {
    const at = (place: string): string => (isBelow(place, from) ? to + place.slice(from.length) : place);
    this.files = new Set([...this.files].map(at));
    this.folders = new Map([...this.folders].map(([folder, names]) => [at(folder), names]));
    for (const place of [from, to]) this.appeared(place);
  }

  linked(from: string, to: string): void {
    if (this.files.has(from)) this.wrote(to);
    this.appeared(to);
  }

  removed(place: string): void {
    for (const one of [...this.files, ...this.folders.keys()]) if (isBelow(one, place)) this.forget(one);
    this.appeared(place);
  }

  private forget(place: string): void {
    this.files.delete(place);
    this.folders.delete(place);
  }

  private readonly nameOf = (place: string): string => path.relative(this.root, place);
  private readonly counts = (place: string): boolean => isBelow(place, this.root);
}

const isBelow = (place: string, folder: string): boolean => place === folder || place.startsWith(`${folder}/`);

/** Watches what this process writes below a folder until the test ends. */
export function watchDisk(root: string, options: WatchOptions = {}): WatchedDisk {
  const disk = new WatchedDisk(root, options);
  const undo = [...watchCalls(disk, fsp, ''), ...watchCalls(disk, fs, 'Sync'), ...watchHandles(disk)];
  syncBuiltinESMExports();
  onTestFinished(() => {
    for (const step of undo) step();
    syncBuiltinESMExports();
  });
  return disk;
}

type Call = (...args: unknown[]) => unknown;
/** The functions of a module. */
type Calls = Record<string, Call>;

/** Puts another function in the place of one, until the returned one is called. */
function replace(holder: object, name: string, make: (real: Call) => Call): () => void {
  const calls = holder as Calls;
  const real = calls[name]!;
  calls[name] = make(real);
  return () => {
    calls[name] = real;
  };
}

const pathOf = (value: unknown): string => path.resolve(String(value));

/** Notes what was done once it was done, whether the function gives a promise or not. */
function after(result: unknown, note: () => void): unknown {
  if (!(result instanceof Promise)) {
    note();
    return result;
  }
  return result.then((value) => {
    note();
    return value;
  });
}

/** What changes files and names by their paths. */
function watchCalls(disk: WatchedDisk, module: object, suffix: string): (() => void)[] {
  const two = (call: 'rename' | 'link', note: (from: string, to: string) => void) =>
    replace(module, call + suffix, (real) => (from, to) => {
      disk.changing(call, pathOf(from), pathOf(to));
      return after(real(from, to), () => note(pathOf(from), pathOf(to)));
    });
  const removing = (name: string) =>
    replace(module, name + suffix, (real) => (place, ...rest) => {
      const isThere = fs.existsSync(pathOf(place));
      if (isThere) disk.changing('remove', pathOf(place));
      return after(real(place, ...rest), () => isThere && disk.removed(pathOf(place)));
    });
  const writing = (name: string, at: number) =>
    replace(module, name + suffix, (real) => (...args) => {
      if (typeof args[at] !== 'string') return real(...args);
      const isNew = !fs.existsSync(pathOf(args[at]));
      return after(real(...args), () => {
        if (name !== 'mkdir') disk.wrote(pathOf(args[at]));
        if (isNew) disk.appeared(pathOf(args[at]));
      });
    });
  return [
    two('rename', (from, to) => disk.moved(from, to)),
    two('link', (from, to) => disk.linked(from, to)),
    ...['unlink', 'rm', 'rmdir'].map(removing),
    ...['writeFile', 'appendFile', 'mkdir'].map((name) => writing(name, 0)),
    writing('copyFile', 1),
  ];
}

const isWriting = (flags: unknown): boolean =>
  typeof flags === 'number' ? (flags & (fs.constants.O_WRONLY | fs.constants.O_RDWR)) !== 0 : /[wax+]/.test(`${flags}`);

/** What changes files by the handle or the number of an open file. */
function watchHandles(disk: WatchedDisk): (() => void)[] {
  const open = new Map<unknown, string>();
  const opened = (file: unknown, flags: unknown, isNew: boolean): void => {
    if (!isNew || !isWriting(flags)) return;
    disk.wrote(pathOf(file));
    disk.appeared(pathOf(file));
  };
  const byNumber = (name: string, note: (file: string) => void) =>
    replace(fs, name, (real) => (handle, ...rest) => {
      const file = open.get(handle);
      if (file !== undefined) note(file);
      return real(handle, ...rest);
    });
  return [
    replace(fsp, 'open', (real) => async (file, flags = 'r', ...rest) => {
      const isNew = !fs.existsSync(pathOf(file));
      const handle = (await real(file, flags, ...rest)) as FileHandle;
      opened(file, flags, isNew);
      for (const name of ['write', 'writeFile', 'appendFile', 'truncate'])
        noting(handle, name, () => disk.wrote(pathOf(file)));
      for (const name of ['sync', 'datasync']) noting(handle, name, () => disk.synced(pathOf(file)));
      return handle;
    }),
    replace(fs, 'openSync', (real) => (file, flags, ...rest) => {
      const isNew = !fs.existsSync(pathOf(file));
      const handle = real(file, flags, ...rest);
      open.set(handle, pathOf(file));
      opened(file, flags, isNew);
      return handle;
    }),
    ...['writeFileSync', 'appendFileSync'].map((name) => byNumber(name, (file) => disk.wrote(file))),
    byNumber('fsyncSync', (file) => disk.synced(file)),
  ];
}

/** A note that throws makes the call fail. */
function noting(handle: FileHandle, name: string, note: () => void): void {
  replace(handle, name, (real) => async (...args) => {
    note();
    return real.apply(handle, args);
  });
}
