/** A request to change one person's second factor. */
export interface ChangeRequest {
  /** Id, email or user name. */
  readonly user: string;
  /** The reason. Default: the host's. */
  readonly reason?: string | null | undefined;
  /** Override the guards: an administrator, one's own account, a protected command. */
  readonly breakGlass?: boolean | undefined;
}

/** The form of new backup codes. */
export type CodeForm = 'application' | 'login';

/** A person as a command names it: what must be typed, and the id. */
export interface Named {
  readonly name: string;
  readonly id: string;
}
