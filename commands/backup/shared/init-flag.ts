import { flag } from '../../cli/parse/options.js';

/** A production profile creates no repository without this flag: a mistyped path must not start a second one. */
export const INIT = flag('--init', 'create the repository if it does not exist (required in production)');

/** The note after a repository was created: the path may be a typing error. */
export const newRepository = ({ repository }: { readonly repository: string }): string =>
  `New repository: ${repository}. If you meant an existing one, check --repository.`;
