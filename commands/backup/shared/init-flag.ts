import { flag } from '../../cli/parse/options.js';

/** Production refuses a repository that nobody asked for. */
export const INIT = flag('--init', 'create the repository if there is none; production profiles require it for that');

/** A repository where none was before is perhaps a mistyped path. */
export const newRepository = ({ repository }: { readonly repository: string }): string =>
  `New repository: ${repository}. If you meant one that exists, check --repository.`;
