import { backupList } from './backup/list.js';
import { backupShow } from './backup/show.js';
import type { AnyCommand } from './command.js';
import { completion } from './top/completion.js';
import { explain } from './top/explain.js';
import { version } from './top/version.js';

/**
 * Every command there is, in the order of the help. A command's file imports only light modules; what costs is imported inside `run`
 * and `prepare`, so that `--help` needs none of it.
 */
export const commands: readonly AnyCommand[] = [backupList, backupShow, explain, version, completion];
