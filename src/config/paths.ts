import path from 'node:path';

/** `~` and `~/…` below the home directory; anything else as it is. */
export function withHome(file: string, homeDirectory: string): string {
  return file === '~' || file.startsWith('~/') ? path.join(homeDirectory, file.slice(1)) : file;
}

/** Absolute form of a path that a person typed. */
export function absolutePath(file: string, cwd: string, homeDirectory: string): string {
  return path.resolve(cwd, withHome(file, homeDirectory));
}
