/** Does an entry's operator claim to be somebody else than the login that the database proved? `maria@desk` is what maria's machine says. */
export const claimsAnother = ({ db_role: role, operator }: ByWhom): boolean =>
  operator !== role && operator.split('@')[0] !== role;

/** The two names of an entry. */
export interface ByWhom {
  readonly db_role: string;
  readonly operator: string;
}

/** The login, and the claim where it differs. */
export const byWhom = (entry: ByWhom): string =>
  claimsAnother(entry) ? `${entry.db_role} (calls itself ${entry.operator})` : entry.db_role;
