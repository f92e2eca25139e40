/** A change of one person's second factor, as it is asked for. */
export interface ChangeRequest {
  /** Id, e-mail or user name. */
  readonly user: string;
  /** Why; default: as the host says. */
  readonly reason?: string | null | undefined;
  /** Also an administrator, one's own account, or what the profile protects. */
  readonly breakGlass?: boolean | undefined;
}

/** Which form new backup codes have. */
export type CodeForm = 'application' | 'login';

/** Whom a command names: what must be typed, and the id. */
export interface Named {
  readonly name: string;
  readonly id: string;
}
