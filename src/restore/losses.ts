import type { ListedFile } from '../archive/engine.js';
import { quote } from '../archive/follow.js';
import { runsAsRoot } from '../archive/tree.js';
import { counted, verb } from '../kernel/counted.js';

/** Adds up what restored files lack, though their content is that of the backup. */
export interface Losses {
  /** A file, directory or link that does not have its owner. */
  owner(file: ListedFile): void;
  /** What tar says of an attribute that it could not set. */
  attribute(line: string): void;
  /** One sentence for each kind; empty when nothing is lost. */
  warnings(): string[];
}

const NAMED = 3;

/** Starts with nothing. */
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
        : [`${owners.programs} of these run as their owner (set-user-ID, set-group-ID), who is another one then`]),
      ...(attributes.count === 0
        ? []
        : [`attributes that could not be set: ${attributes.count}, e.g. ${attributes.examples.join('; ')}`]),
    ],
  };
}

function ownersText({ count, ids, examples }: { count: number; ids: Set<string>; examples: readonly string[] }) {
  const which = `${[...ids].join(', ')}; e.g. ${examples.join(', ')}`;
  return `only root can give files their owners: ${counted(count, 'entry')} ${verb(count, 'belongs', 'belong')} to this user instead (in the backup: ${which})`;
}

/** Will the entry lack its owner when this user restores it? */
export const losesOwner = ({ uid, gid }: Pick<ListedFile, 'uid' | 'gid'>): boolean =>
  !runsAsRoot() && (uid !== process.geteuid?.() || gid !== process.getegid?.());

/** What a restore by this user would lose of these entries; what tar will say is not known before. */
export async function expectedLosses(files: AsyncIterable<ListedFile>): Promise<string[]> {
  const losses = createLosses();
  if (runsAsRoot()) return [];
  for await (const file of files) if (!file.superseded && file.path !== '.' && losesOwner(file)) losses.owner(file);
  return losses.warnings();
}
