import type { TocEntry } from '../../dump/toc.js';

/** Kinds of objects that PostgreSQL lets only superusers create, as pg_restore names them. */
const SUPERUSER_ONLY = new Set([
  'ACCESS METHOD',
  'EVENT TRIGGER',
  'FOREIGN DATA WRAPPER',
  'OPERATOR CLASS',
  'OPERATOR FAMILY',
  'SHELL TYPE',
  'SUBSCRIPTION',
  'TEXT SEARCH PARSER',
  'TEXT SEARCH TEMPLATE',
]);
const SHOWN = 10;

/**
 * The entries of a dump that a role without superuser rights cannot create, e.g. `EVENT TRIGGER audit_ddl`. Pure.
 *
 * @param publications those that only a superuser may create: the table of contents does not tell them from others
 */
export function superuserEntries(toc: readonly TocEntry[], publications: readonly string[]): string[] {
  const found = toc.filter(({ desc }) => SUPERUSER_ONLY.has(desc)).map(({ desc, name }) => `${desc} ${name}`);
  const all = [...found, ...publications.map((publication) => `PUBLICATION ${publication}`)];
  return all.length > SHOWN ? [...all.slice(0, SHOWN), `${all.length - SHOWN} more objects`] : all;
}
