import { flag } from '../../cli/parse/options.js';

/** A production profile creates no repository without this flag: a mistyped path must not start a second one. */
export const INIT = flag(
  '--init',
  'required for the first backup in production; elsewhere the repository is created automatically',
);

/** The note after a repository was created: the path may be a typo. */
export const newRepository = ({ repository }: { readonly repository: string }): string =>
  `New repository: ${repository}. If you meant an existing one, check --repository.`;
