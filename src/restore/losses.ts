import type { ListedFile } from '../archive/engine.js';
import { quote } from '../archive/follow.js';
import { runsAsRoot } from '../archive/tree.js';
import { counted, verb } from '../kernel/counted.js';

/** Counts what restored files lack, although their content matches the backup. */
export interface Losses {
  /** A file, directory or link without its original owner. */
  owner(file: ListedFile): void;
  /** tar's message about an attribute that it could not set. */
  attribute(line: string): void;
  /** One sentence per kind; empty if nothing is lost. */
  warnings(): string[];
}

const NAMED = 3;

/** Creates an empty count. */
export function createLosses(): Losses {
  const owners = { count: 0, programs: 0, ids: new Set<string>(), examples: [] as string[] };
  const attributes = { count: 0, examples: [] as string[] };
  return {
    owner(file) {
      owners.count += 1;
      if (file.type === 'file' && (Number.parseInt(file.mode, 8) & 0o6000) !== 0) owners.programs += 1;
      if (owners.ids.size < NAMED) owners.ids.add(`${file.uid}:${file.gid}`);
      if (owners.examples.length < NAMED) owners.examples.push(quote(file));
    },
    attribute(line) {
      attributes.count += 1;
      if (attributes.examples.length < NAMED) attributes.examples.push(line.replace(/^tar: (?:\w+: )?/, ''));
    },
    warnings: () => [
      ...(owners.count === 0 ? [] : [ownersText(owners)]),
      ...(owners.programs === 0
        ? []
        : [`${owners.programs} of these are set-user-ID or set-group-ID programs and will run as the wrong user`]),
      ...(attributes.count === 0
        ? []
        : [`attributes that could not be set: ${attributes.count}, e.g. ${attributes.examples.join('; ')}`]),
    ],
  };
}

function ownersText({ count, ids, examples }: { count: number; ids: Set<string>; examples: readonly string[] }) {
  const which = `${[...ids].join(', ')}; e.g. ${examples.join(', ')}`;
  return `only root can restore file owners: ${counted(count, 'entry')} ${verb(count, 'belongs', 'belong')} to this user instead (in the backup: ${which})`;
}

/** Whether the entry loses its owner if this user restores it. */
export const losesOwner = ({ uid, gid }: Pick<ListedFile, 'uid' | 'gid'>): boolean =>
  !runsAsRoot() && (uid !== process.geteuid?.() || gid !== process.getegid?.());

/** The losses if this user restores these entries; problems that only tar finds are not known in advance. */
export async function expectedLosses(files: AsyncIterable<ListedFile>): Promise<string[]> {
  const losses = createLosses();
  if (runsAsRoot()) return [];
  for await (const file of files) if (!file.superseded && file.path !== '.' && losesOwner(file)) losses.owner(file);
  return losses.warnings();
}
