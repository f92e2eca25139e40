import type { Host } from './host.js';

/** This program, its runtime, and the pg_dump that it would use. */
export interface About {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  /** null = none found. */
  readonly pg_dump: { readonly version: string; readonly path: string } | null;
}

/** Finds the newest pg_dump on this machine; contacts no server. */
export async function readAbout({ tool, childEnvironment }: Host): Promise<About> {
  const { findTools } = await import('../postgres/tools.js');
  const [newest] = await findTools({ environment: childEnvironment });
  return { ...tool, pg_dump: newest === undefined ? null : { version: newest.version, path: newest.path } };
}
