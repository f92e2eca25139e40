/**
 * Tells whether an entry names an operator other than its database login. The database verified the login; `maria@desk` is only what
 * maria's machine reports.
 */
export const claimsAnother = ({ db_role: role, operator }: ByWhom): boolean =>
  operator !== role && operator.split('@')[0] !== role;

/** The two names in a journal entry. */
export interface ByWhom {
  readonly db_role: string;
  readonly operator: string;
}

/** Returns the login, followed by the operator if that is someone else. */
export const byWhom = (entry: ByWhom): string =>
  claimsAnother(entry) ? `${entry.db_role} (claims to be ${entry.operator})` : entry.db_role;
