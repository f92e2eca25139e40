import path from 'node:path';

/** `~` and `~/…` below the home directory; anything else as it is. */
export function withHome(file: string, homeDirectory: string): string {
  return file === '~' || file.startsWith('~/') ? path.join(homeDirectory, file.slice(1)) : file;
}

/** Absolute form of a path that a person typed. */
export function absolutePath(file: string, place: Here & { readonly homeDirectory: string }): string {
  return fromHere(withHome(file, place.homeDirectory), place);
}

interface Here {
  readonly cwd: string;
}

/** Absolute form of a path. The current directory is asked for only where the path is relative: it may have been deleted. */
export function fromHere(file: string, place: Here): string {
  return path.isAbsolute(file) ? path.resolve(file) : path.resolve(place.cwd, file);
}
